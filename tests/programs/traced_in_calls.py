"""Tracers, profilers and monitoring tools that calls within a trace switch on and off."""

import sys

from common import show

N = 900
M = sys.monitoring
E = M.events
HERE = __file__


def short(code):
    return code.co_name


class Log:
    def __init__(self, limit=30):
        self.first = []
        self.counts = {}
        self.limit = limit
        self.digest = 0

    def add(self, *what):
        key = " ".join(map(str, what))
        if len(self.first) < self.limit:
            self.first.append(key)
        self.counts[key] = self.counts.get(key, 0) + 1
        self.digest = (self.digest * 31 + hash(key)) % 1_000_000_007

    def result(self):
        return self.first, len(self.counts), sum(self.counts.values()), self.digest


class At:
    """An operator that does something at some turns."""

    def __init__(self, actions):
        self.actions = actions

    def __add__(self, other):
        action = self.actions.get(other)
        if action is not None:
            action()
        return other


def plain(i):
    j = i + 1
    return j


def with_operator(at, i):
    a = i
    b = at + i
    c = a + b
    return c


def deeper(at, i):
    x = with_operator(at, i)
    y = plain(x)
    return y


def inner_loop(at, i):
    total = 0
    for j in range(3):
        total += at + (i + j * 0)
        total += j
    return total


def generator(at, n):
    for i in range(n):
        x = at + i
        yield x


def make_tracer(log, code_names, change=None):
    def tracer(frame, event, argument):
        if frame.f_code.co_filename != HERE or frame.f_code.co_name not in code_names:
            return None
        line = frame.f_lineno - frame.f_code.co_firstlineno
        shown = argument if isinstance(argument, int) else type(argument).__name__
        log.add(frame.f_code.co_name, event, line, shown)
        if change is not None:
            change(frame, event)
        return tracer

    return tracer


NAMES = {"plain", "with_operator", "deeper", "inner_loop", "generator", "body", "loop_operators", "<genexpr>", "fails"}


def loop_operators(n, at):
    total = 0
    for i in range(n):
        total += at + i
        total += with_operator(at, i)
        total += deeper(at, i)
    return total


def loop_inner(n, at):
    total = 0
    for i in range(n):
        total += inner_loop(at, i)
        total += plain(i)
    return total


def loop_generator(n, at):
    total = 0
    for x in generator(at, n):
        total += x
        total += sum(generator(at, 2))
    return total


def fails(at, i):
    x = at + i
    if i % 50 == 7:
        raise ValueError(i)
    return x


def loop_fails(n, at):
    total = 0
    for i in range(n):
        try:
            total += fails(at, i)
        except ValueError as error:
            total += error.args[0]
        finally:
            total += 1
    return total


LOOPS = (loop_operators, loop_inner, loop_generator, loop_fails)


def settrace(n, loop):
    log = Log()
    tracer = make_tracer(log, NAMES)
    at = At({100: lambda: sys.settrace(tracer), 104: lambda: sys.settrace(None), 700: lambda: sys.settrace(tracer)})
    try:
        result = loop(n, at)
    finally:
        sys.settrace(None)
    return result, log.result(), loop(n, At({}))


def settrace_frames(n, loop):
    """Local trace functions are put into the frames that are there, as a debugger does."""
    log = Log()
    tracer = make_tracer(log, NAMES | {loop.__name__})

    def attach():
        sys.settrace(tracer)
        frame = sys._getframe(2)
        while frame is not None and frame.f_code.co_filename == HERE:
            frame.f_trace = tracer
            frame = frame.f_back

    def detach():
        sys.settrace(None)
        frame = sys._getframe(2)
        while frame is not None and frame.f_code.co_filename == HERE:
            frame.f_trace = None
            frame = frame.f_back

    at = At({100: attach, 104: detach, 700: attach, 701: detach})
    try:
        result = loop(n, at)
    finally:
        sys.settrace(None)
    return result, log.result(), loop(n, At({}))


def settrace_opcodes(n, loop):
    log = Log()

    def tracer(frame, event, argument):
        if frame.f_code.co_filename != HERE or frame.f_code.co_name not in NAMES:
            return None
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        log.add(frame.f_code.co_name, event, frame.f_lasti)
        return tracer

    at = At({100: lambda: sys.settrace(tracer), 103: lambda: sys.settrace(None)})
    try:
        result = loop(n, at)
    finally:
        sys.settrace(None)
    return result, log.result(), loop(n, At({}))


def settrace_jumps(n, loop):
    """A tracer that changes locals of the frames it sees, and raises."""
    log = Log()

    def change(frame, event):
        if event == "line" and frame.f_code.co_name == "plain":
            frame.f_locals["i"] = 1000
        if event == "return" and frame.f_code.co_name == "with_operator":
            frame.f_locals["c"] = -1

    tracer = make_tracer(log, NAMES, change)
    at = At({100: lambda: sys.settrace(tracer), 120: lambda: sys.settrace(None)})
    try:
        result = loop(n, at)
    finally:
        sys.settrace(None)
    return result, log.result(), loop(n, At({}))


def tracer_raises(n, loop):
    class Stop(Exception):
        pass

    def tracer(frame, event, argument):
        if frame.f_code.co_name in NAMES and event == "line":
            raise Stop(frame.f_code.co_name, frame.f_lineno - frame.f_code.co_firstlineno)
        return tracer

    at = At({100: lambda: sys.settrace(tracer)})
    try:
        return loop(n, at)
    except Stop as error:
        lines = []
        tb = error.__traceback__
        while tb is not None:
            lines.append((tb.tb_frame.f_code.co_name, tb.tb_lineno - tb.tb_frame.f_code.co_firstlineno, tb.tb_lasti))
            tb = tb.tb_next
        return error.args, lines, sys.gettrace(), loop(n, At({}))
    finally:
        sys.settrace(None)


def setprofile(n, loop):
    log = Log()

    def profiler(frame, event, argument):
        if event.startswith("c_"):
            log.add(frame.f_code.co_name, event, getattr(argument, "__name__", ""))
        elif frame.f_code.co_filename == HERE:
            log.add(frame.f_code.co_name, event, frame.f_lineno - frame.f_code.co_firstlineno)

    at = At(
        {
            100: lambda: sys.setprofile(profiler),
            110: lambda: sys.setprofile(None),
            700: lambda: sys.setprofile(profiler),
        }
    )
    try:
        result = loop(n, at)
    finally:
        sys.setprofile(None)
    return result, log.result(), loop(n, At({}))


ALL = (
    E.PY_START
    | E.PY_RESUME
    | E.PY_RETURN
    | E.PY_YIELD
    | E.CALL
    | E.LINE
    | E.JUMP
    | E.BRANCH
    | E.STOP_ITERATION
    | E.RAISE
    | E.EXCEPTION_HANDLED
    | E.PY_UNWIND
    | E.RERAISE
    | E.C_RETURN
    | E.C_RAISE
)
LOCAL = E.PY_START | E.PY_RESUME | E.PY_RETURN | E.PY_YIELD | E.CALL | E.LINE | E.JUMP | E.BRANCH | E.STOP_ITERATION
NAMED = {name: getattr(E, name) for name in vars(E) if name.isupper() and name not in ("NO_EVENTS",)}


def use(tool, log, events, answer=None):
    M.use_tool_id(tool, "test")
    for name, event in NAMED.items():
        if events & event:

            def callback(code, *rest, name=name):
                if code.co_filename == HERE and code.co_name not in ("At.__add__", "<lambda>", "__add__"):
                    shown = [item if isinstance(item, int) else type(item).__name__ for item in rest]
                    log.add(short(code), name, *shown)
                return answer

            M.register_callback(tool, event, callback)


def done(tool, events):
    M.set_events(tool, 0)
    for event in NAMED.values():
        if events & event:
            M.register_callback(tool, event, None)
    M.free_tool_id(tool)


def monitored(n, loop, events):
    log = Log()
    tool = M.PROFILER_ID
    at = At(
        {
            100: lambda: M.set_events(tool, events),
            104: lambda: M.set_events(tool, 0),
            500: lambda: M.set_events(tool, E.PY_START | (events & E.RAISE)),
            510: lambda: M.set_events(tool, 0),
        }
    )
    use(tool, log, events)
    try:
        result = loop(n, at)
    finally:
        done(tool, events)
    return result, log.result(), loop(n, At({}))


def monitored_disabled(n, loop):
    """Each callback switches its location off, as coverage does; restarted at some turns."""
    log = Log()
    tool = M.COVERAGE_ID
    at = At(
        {
            100: lambda: M.set_events(tool, LOCAL),
            300: lambda: M.restart_events(),
            301: lambda: M.restart_events(),
            600: lambda: M.set_events(tool, 0),
        }
    )
    use(tool, log, LOCAL, M.DISABLE)
    try:
        result = loop(n, at)
    finally:
        done(tool, LOCAL)
    return result, log.result(), loop(n, At({}))


def monitored_local(n, loop, codes):
    """Events of some code objects only, switched on while they run."""
    log = Log()
    tool = M.COVERAGE_ID

    def on():
        for function in codes:
            M.set_local_events(tool, function.__code__, LOCAL)

    def off():
        for function in codes:
            M.set_local_events(tool, function.__code__, 0)

    at = At({100: on, 103: off, 400: on, 401: off, 700: on})
    use(tool, log, LOCAL)
    try:
        result = loop(n, at)
    finally:
        off()
        done(tool, LOCAL)
    return result, log.result(), loop(n, At({}))


def callback_raises(n, loop):
    class Stop(Exception):
        pass

    tool = M.DEBUGGER_ID
    left = [5]

    def callback(code, *rest):
        if code.co_name in NAMES:
            left[0] -= 1
            if left[0] == 0:
                raise Stop(code.co_name)
        return None

    M.use_tool_id(tool, "test")
    M.register_callback(tool, E.PY_START, callback)
    at = At({100: lambda: M.set_events(tool, E.PY_START)})
    try:
        return loop(n, at)
    except Stop as error:
        lines = []
        tb = error.__traceback__
        while tb is not None:
            lines.append((tb.tb_frame.f_code.co_name, tb.tb_lineno - tb.tb_frame.f_code.co_firstlineno))
            tb = tb.tb_next
        M.set_events(tool, 0)
        return error.args, lines, loop(n, At({}))
    finally:
        M.set_events(tool, 0)
        M.register_callback(tool, E.PY_START, None)
        M.free_tool_id(tool)


def two_tools(n, loop):
    logs = Log(), Log()
    tools = M.PROFILER_ID, M.DEBUGGER_ID
    at = At(
        {
            100: lambda: M.set_events(tools[0], E.PY_START | E.PY_RETURN),
            200: lambda: M.set_events(tools[1], E.LINE),
            202: lambda: M.set_events(tools[0], 0),
            203: lambda: M.set_events(tools[1], 0),
        }
    )
    use(tools[0], logs[0], E.PY_START | E.PY_RETURN)
    use(tools[1], logs[1], E.LINE)
    try:
        result = loop(n, at)
    finally:
        for tool in tools:
            done(tool, E.PY_START | E.PY_RETURN | E.LINE)
    return result, logs[0].result(), logs[1].result(), loop(n, At({}))


for loop in LOOPS:
    loop(2 * N, At({}))
    for function in (
        settrace,
        settrace_frames,
        settrace_opcodes,
        settrace_jumps,
        tracer_raises,
        setprofile,
        monitored_disabled,
        callback_raises,
        two_tools,
    ):
        show(function, N, loop, note=f" {loop.__name__}")
    for name in ("PY_START", "LINE", "CALL", "RAISE", "JUMP", "PY_RETURN", "BRANCH"):
        show(monitored, N, loop, getattr(E, name), note=f" {loop.__name__} {name}")
    show(monitored, N, loop, ALL, note=f" {loop.__name__} all")
    for codes in ((with_operator,), (plain,), (deeper, inner_loop), (loop,), (generator, fails)):
        names = " ".join(code.__name__ for code in codes)
        show(monitored_local, N, loop, codes, note=f" {loop.__name__}: {names}")
