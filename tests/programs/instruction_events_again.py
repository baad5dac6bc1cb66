"""Another tool's INSTRUCTION events, in a function that has had them before decal sees it for the first time."""

import sys

M = sys.monitoring
E = M.events
M.use_tool_id(2, "test")


def watched():
    len(())


seen = []


def on_instruction(code, offset):
    if code is watched.__code__:
        seen.append(offset)


def check(func, events):
    wanted = 0
    for event in events:
        wanted |= event
        M.set_events(2, wanted)
    for event in events:
        M.register_callback(2, event, on_instruction if event == E.INSTRUCTION else None)
    func()
    M.set_events(2, 0)


def first():
    check(watched, [E.CALL, E.INSTRUCTION])


def second():
    check(watched, [E.INSTRUCTION, E.CALL])


def main():
    for case in first, second, first, second:
        case()
        print(seen)
        seen.clear()


main()
