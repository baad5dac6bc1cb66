"""Which loops run in traces while a tool looks at them, and afterwards."""

# Cargo may have a folder of the same name, which decides where the import belongs.
# ruff: noqa: I001

import cProfile
import sys
import tracemalloc

import decal

import target

N = 3000


def other(n):
    total = 0
    for i in range(n):
        total += i * 3
    return total


@decal.nojit
def native(function):
    """Whether nearly all turns are native (True), none is (False), or some are (their number)."""
    before = decal.stats()["iterations_native"]
    function(N)
    turns = decal.stats()["iterations_native"] - before
    return turns if 0 < turns < N * 0.8 else turns > 0


def settrace(on):
    sys.settrace((lambda frame, event, arg: settrace_local) if on else None)


def settrace_local(frame, event, arg):
    return settrace_local


def setprofile(on):
    sys.setprofile((lambda frame, event, arg: None) if on else None)


profiler = cProfile.Profile()


def cprofile(on):
    profiler.enable() if on else profiler.disable()


M = sys.monitoring


def everything(on):
    if on:
        M.use_tool_id(3, "t")
        M.register_callback(3, M.events.LINE, lambda *a: None)
        M.set_events(3, M.events.LINE)
    else:
        M.set_events(3, 0)
        M.register_callback(3, M.events.LINE, None)
        M.free_tool_id(3)


def one_code(on):
    if on:
        M.use_tool_id(3, "t")
        M.register_callback(3, M.events.LINE, lambda *a: None)
        M.set_local_events(3, target.arithmetic.__code__, M.events.LINE)
    else:
        M.set_local_events(3, target.arithmetic.__code__, 0)
        M.free_tool_id(3)


def memory(on):
    tracemalloc.start() if on else tracemalloc.stop()


def warm():
    for _ in range(3):
        target.arithmetic(N)
        other(N)


# Until there was time to compile them: what may be spent on that depends on the time that passes.
for _ in range(1000):
    warm()
    if native(target.arithmetic) is True and native(other) is True:
        break
print("before", native(target.arithmetic), native(other))
for tool in (settrace, setprofile, cprofile, everything, one_code, memory):
    for _ in range(3):
        tool(True)
        now = native(target.arithmetic), native(other)
        tool(False)
        warm()
        print(tool.__name__, *now, "then", native(target.arithmetic), native(other))
