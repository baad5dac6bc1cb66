"""Tracers, profilers, monitoring and frames: they see what they would see without decal."""

import dis
import inspect
import sys

from common import show


def work(n):
    total = 0
    for i in range(n):
        total += i
    return total


def helper(x):
    return x + 1


def calls(n):
    total = 0
    for i in range(n):
        total += helper(i)
    return total


def locals_in_loop(n):
    total = 0
    seen = []
    for i in range(n):
        total += i
        if i % 600 == 0:
            seen.append(sorted(locals().items(), key=str)[:2])
    return seen


def locals_written(n):
    total = 0
    x = 1
    frame = sys._getframe()
    for i in range(n):
        total += x
        if i == n // 2:
            frame.f_locals["x"] = 100
    return total


def written_by_callee(n):
    def change():
        sys._getframe(1).f_locals["x"] = 0.5

    total = 0
    x = 1
    for i in range(n):
        total += x
        if i == n // 2:
            change()
    return total


def stack_of_callee(n):
    def who():
        frame = sys._getframe(1)
        return frame.f_code.co_name, frame.f_lineno, frame.f_lasti > 0, frame.f_locals["i"]

    last = None
    for i in range(n):
        last = who()
    return last


def stack_names(n):
    names = set()
    for _ in range(n):
        names.add(tuple(frame.function for frame in inspect.stack(0)[:2]))
        if _ > 5:
            break
    for _ in range(n):
        names.add(sys._getframe().f_back.f_code.co_name)
    return sorted(names, key=str)


def trace_in_the_middle(n):
    events = {}
    lines = set()

    def tracer(frame, event, argument):
        if frame.f_code in (work.__code__, helper.__code__, calls.__code__, inside.__code__):
            events[event] = events.get(event, 0) + 1
            lines.add(frame.f_lineno - frame.f_code.co_firstlineno)
        return tracer

    def inside(n):
        total = 0
        for i in range(n):
            total += helper(i)
            if i == n // 2:
                sys.settrace(tracer)
                sys._getframe().f_trace = tracer
            if i == n // 2 + 50:
                sys.settrace(None)
                sys._getframe().f_trace = None
        return total

    result = inside(n)
    sys.settrace(tracer)
    work(50)
    calls(50)
    sys.settrace(None)
    return result, sorted(events.items()), sorted(lines), work(n)


def tracer_changes_locals(n):
    """What a debugger does: stop at a line, set a variable."""

    def tracer(frame, event, argument):
        if event == "line" and frame.f_locals.get("i") == 20:
            frame.f_locals["total"] = 1_000_000
        return tracer

    work(n)
    sys.settrace(tracer)
    result = work(40)
    sys.settrace(None)
    return result, work(n)


def profile_in_the_middle(n):
    events = {}

    def profiler(frame, event, argument):
        if frame.f_code is helper.__code__:
            events[event] = events.get(event, 0) + 1

    def inside(n):
        total = 0
        for i in range(n):
            total += helper(i)
            if i == n // 2:
                sys.setprofile(profiler)
            if i == n // 2 + 100:
                sys.setprofile(None)
        return total

    return inside(n), sorted(events.items()), inside(n)


def monitoring_in_the_middle(n):
    monitoring = sys.monitoring
    tool = monitoring.PROFILER_ID
    counts = {}

    def count(name):
        def callback(*arguments):
            if arguments[0] in (helper.__code__, inside.__code__):
                counts[name] = counts.get(name, 0) + 1

        return callback

    def inside(n):
        total = 0
        for i in range(n):
            total += helper(i)
            if i == n // 2:
                monitoring.set_events(tool, monitoring.events.PY_START | monitoring.events.JUMP)
            if i == n // 2 + 100:
                monitoring.set_events(tool, 0)
        return total

    monitoring.use_tool_id(tool, "test")
    monitoring.register_callback(tool, monitoring.events.PY_START, count("start"))
    monitoring.register_callback(tool, monitoring.events.JUMP, count("jump"))
    result = inside(n)
    monitoring.set_events(tool, 0)
    again = inside.__code__ and counts.copy()
    monitoring.free_tool_id(tool)
    return result, sorted(again.items())


def local_monitoring(n):
    """What coverage tools do: events for one code object only."""
    monitoring = sys.monitoring
    tool = monitoring.COVERAGE_ID
    lines = []

    def line(code, number):
        lines.append(number - code.co_firstlineno)
        return monitoring.DISABLE

    work(n)
    monitoring.use_tool_id(tool, "test")
    monitoring.register_callback(tool, monitoring.events.LINE, line)
    monitoring.set_local_events(tool, work.__code__, monitoring.events.LINE)
    result = work(n)
    monitoring.set_local_events(tool, work.__code__, 0)
    monitoring.free_tool_id(tool)
    return result, lines, work(n)


def opcodes_traced(n):
    count = 0

    def tracer(frame, event, argument):
        nonlocal count
        frame.f_trace_opcodes = True
        if event == "opcode":
            count += 1
        return tracer

    work(n)
    sys.settrace(tracer)
    work(3)
    sys.settrace(None)
    return count


def bytecode_is_unchanged(n):
    before = (work.__code__.co_code, [i.opname for i in dis.get_instructions(work)])
    work(n)
    after = (work.__code__.co_code, [i.opname for i in dis.get_instructions(work)])
    return before == after, hash(work.__code__) == hash(work.__code__.replace())


def excepthook_frames(n):
    def fail(x):
        return 1 // x

    try:
        for i in range(n, -1, -1):
            fail(i)
    except ZeroDivisionError as error:
        frames = inspect.getinnerframes(error.__traceback__)
        return [(frame.function, frame.lineno, frame.code_context) for frame in frames]


def generator_frames(n):
    def numbers():
        total = 0
        for i in range(n):
            total += i
            if i % 700 == 699:
                yield total

    running = numbers()
    states = []
    for _ in running:
        states.append((running.gi_frame.f_lineno - running.gi_code.co_firstlineno, running.gi_frame.f_locals["i"]))
    return states, running.gi_frame


def audit_events(n):
    """Nothing that decal does may run user code in the loop."""
    seen = []
    active = True

    def hook(event, arguments):
        if active and event.startswith(("sys.monitoring", "sys.settrace", "object.__setattr__")):
            seen.append(event)

    sys.addaudithook(hook)
    total = work(n)
    active = False
    return total, seen


for function in (locals_in_loop, locals_written, written_by_callee, stack_of_callee, stack_names):
    show(function, 2000)
for function in (trace_in_the_middle, tracer_changes_locals, profile_in_the_middle, monitoring_in_the_middle):
    show(function, 2000)
    show(function, 2000)
for function in (local_monitoring, opcodes_traced, bytecode_is_unchanged, excepthook_frames, generator_frames):
    show(function, 2000)
show(audit_events, 2000)
