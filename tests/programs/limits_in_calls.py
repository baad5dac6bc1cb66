"""Recursion limits, signals and threads: what asks for the interpreter's attention within calls that a trace makes."""

import os
import signal
import sys
import threading
import time
import traceback

from common import show

N = 1200


class At:
    """An operator that does something at some turns."""

    def __init__(self, action, turns):
        self.action, self.turns = action, set(turns)

    def __add__(self, other):
        if other in self.turns:
            self.action(other)
        return other


TURNS = (3, 100, 101, 700, 701, 1000)


def plain(at, i):
    x = i + 1
    y = at + i
    return x + y


def deeper(at, i):
    a = plain(at, i)
    b = a + 1
    return b


def stack(frame):
    seen = []
    while frame is not None and frame.f_code.co_name != "show":
        seen.append(f"{frame.f_code.co_name}+{frame.f_lineno - frame.f_code.co_firstlineno}")
        frame = frame.f_back
    return " ".join(seen)


# Recursion.


def descend(n):
    return 0 if n == 0 else 1 + descend(n - 1)


def descend_looping(n):
    total = 0
    for i in range(3):
        if i == 1 and n > 0:
            total += descend_looping(n - 1)
        total += i
    return total


class Deep:
    def __add__(self, other):
        return descend_operator(other - 1) if other > 0 else 0


DEEP = Deep()


def descend_operator(n):
    total = 0
    for i in range(2):
        total += i
        if i == 1:
            total += DEEP + n
    return total


def infinite(n):
    return infinite(n + 1)


def infinite_looping(n):
    for i in range(3):
        n += infinite_looping(n + i)
    return n


class Endless:
    def __add__(self, other):
        return use_endless(self, other)

    def __getattr__(self, name):
        return getattr(self, name + "x")

    def __repr__(self):
        return repr(self)

    def __eq__(self, other):
        return self == other


def use_endless(e, i):
    x = e + i
    return x


def depths(n):
    """Recursion that ends well, from loops."""
    total = 0
    for i in range(n // 4):
        total += descend(i % 60) + descend_looping(i % 20) + descend_operator(i % 20)
    return total


def too_deep(n, function):
    """As deep as it goes, again and again; and all is well afterwards."""
    caught = 0
    names = set()
    for i in range(12):
        try:
            function(i)
        except RecursionError as error:
            caught += 1
            names.add(str(error))
    return caught, sorted(names), descend(100), sum(descend_looping(3) for _ in range(300))


def too_deep_in_loop(n):
    """The loop is compiled, and the call in it goes too deep at some turns."""
    e = Endless()
    caught = total = 0
    for i in range(n):
        try:
            if i % 200 == 150:
                total += use_endless(e, i)
            elif i % 200 == 160:
                total += infinite(i)
            elif i % 200 == 170:
                total += e.x
            elif i % 200 == 180:
                total += e == i
            else:
                total += descend(i % 5)
        except RecursionError:
            caught += 1
    return caught > 0, caught < n // 4


def limit_changed(n):
    before = sys.getrecursionlimit()
    depth = 1
    frame = sys._getframe()
    while frame.f_code.co_name != "<module>":
        depth, frame = depth + 1, frame.f_back
    caught = total = 0
    try:
        for i in range(n):
            if i % 100 == 50:
                sys.setrecursionlimit(depth + 60)
            try:
                total += descend(i % 100)
            except RecursionError:
                caught += 1
            if i % 100 == 70:
                sys.setrecursionlimit(before)
    finally:
        sys.setrecursionlimit(before)
    return caught > 0, caught < n // 4


def limit_within(n):
    """The limit changes within a call that a trace makes."""
    before = sys.getrecursionlimit()

    def change(i):
        sys.setrecursionlimit(before + i)

    at = At(change, TURNS)
    total = 0
    for i in range(n):
        total += deeper(at, i)
    seen = sys.getrecursionlimit()
    sys.setrecursionlimit(before)
    return total, seen - before


def very_deep(n):
    """Deeper than the native stack would allow, were each call one of its own."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(60_000)
    try:
        first = descend(50_000)
        second = descend_looping(12_000)
    finally:
        sys.setrecursionlimit(before)
    return first, second


# Signals.


def with_handler(handler, work, number=signal.SIGUSR1):
    before = signal.signal(number, handler)
    try:
        return work()
    finally:
        signal.signal(number, before)


def signal_raised(n):
    """The handler runs where the call was that raised it."""
    seen = []

    def handler(number, frame):
        seen.append((stack(frame), frame.f_locals.get("marker")))

    def work():
        total = 0
        marker = 0
        for i in range(n):
            marker = 1
            if i % 300 == 200:
                signal.raise_signal(signal.SIGUSR1)
            marker = 2
            total += plain(0, i)
            marker = 3
        return total

    total = with_handler(handler, work)
    return total, seen


def signal_always(n):
    seen = {}

    def handler(number, frame):
        key = stack(frame), frame.f_locals.get("marker")
        seen[key] = seen.get(key, 0) + 1

    def work():
        total = 0
        marker = 0
        for i in range(n):
            marker = 1
            signal.raise_signal(signal.SIGUSR1)
            marker = 2
            total += plain(0, i)
            marker = 3
            os.kill(os.getpid(), signal.SIGUSR1)
            marker = 4
        return total

    total = with_handler(handler, work)
    return total, sorted(seen.items())


def signal_in_operator(n):
    seen = {}

    def handler(number, frame):
        key = stack(frame)
        seen[key] = seen.get(key, 0) + 1

    at = At(lambda i: signal.raise_signal(signal.SIGUSR1), range(0, n, 7))

    def work():
        total = 0
        for i in range(n):
            total += deeper(at, i)
            total += at + i
        return total

    total = with_handler(handler, work)
    return total, sorted(seen.items())


def send_here():
    signal.raise_signal(signal.SIGUSR1)
    return 1


def signal_in_inlined(n):
    seen = {}

    def handler(number, frame):
        key = stack(frame)
        seen[key] = seen.get(key, 0) + 1

    def work():
        total = 0
        for i in range(n):
            total += send_here()
        return total

    total = with_handler(handler, work)
    return total, sorted(seen.items())


def handler_writes(n):
    def handler(number, frame):
        frame.f_locals["x"] = 1000
        frame.f_back.f_locals["y"] = 2000

    def send(i):
        x = i
        signal.raise_signal(signal.SIGUSR1)
        return x

    def work():
        total = 0
        y = 0
        for i in range(n):
            y = 1
            if i % 50 == 49:
                total += send(i)
            total += y
        return total

    return with_handler(handler, work)


def handler_raises(n):
    class Stop(Exception):
        pass

    def handler(number, frame):
        raise Stop(frame.f_code.co_name)

    def send(i):
        x = i
        if i % 9 == 4:
            signal.raise_signal(signal.SIGUSR1)
            x = -1
        return x

    texts = {}

    def work():
        total = 0
        for i in range(n):
            try:
                total += send(i)
            except Stop as error:
                text = "".join(traceback.format_exception(error))
                texts[text] = texts.get(text, 0) + 1
                total += 5
        return total

    total = with_handler(handler, work)
    return total, [line for text, count in texts.items() for line in (*text.splitlines(), str(count))]


def interrupted(n):
    at = At(lambda i: signal.raise_signal(signal.SIGINT), (700,))
    total = 0
    try:
        for i in range(n):
            total += deeper(at, i)
    except KeyboardInterrupt as error:
        lines = []
        tb = error.__traceback__
        while tb is not None:
            lines.append((tb.tb_frame.f_code.co_name, tb.tb_lineno - tb.tb_frame.f_code.co_firstlineno))
            tb = tb.tb_next
        return total, i, lines[:-1]


def interrupted_soon(n):
    """Nobody looks at once: the exception comes behind the call that asked for it."""
    import _thread

    lines = {}
    total = 0
    marker = 0
    for i in range(n):
        try:
            marker = 1
            if i % 9 == 4:
                _thread.interrupt_main()
                marker = 2
            marker = 3
        except KeyboardInterrupt as error:
            key = marker, error.__traceback__.tb_lineno - interrupted_soon.__code__.co_firstlineno
            lines[key] = lines.get(key, 0) + 1
        total += marker
    return total, sorted(lines.items())


def timer(n):
    """At any time: the handler finds frames that fit together."""
    seen = []
    bad = []

    def handler(number, frame):
        seen.append(1)
        here = frame
        while here is not None:
            if here.f_code is deeper.__code__ and here.f_lineno - here.f_code.co_firstlineno not in (0, 1, 2, 3):
                bad.append(here.f_lineno)
            here.f_locals.get("i")
            here = here.f_back

    def work():
        at = At(None, ())
        total = rounds = 0
        while len(seen) < 20 and rounds < 300_000:
            rounds += 1
            for i in range(200):
                total += deeper(at, i)
        return total == rounds * 40200, len(seen) > 5

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
    try:
        result = work()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    return result, bad


# Threads.


def in_threads(work, count=4):
    results = [None] * count

    def run(k):
        try:
            results[k] = work(k)
        except Exception:
            results[k] = traceback.format_exc()

    threads = [threading.Thread(target=run, args=(k,)) for k in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


class Yields:
    """Lets others run within the operator."""

    def __add__(self, other):
        if other % 16 == 0:
            time.sleep(0)
        return other


def threads_switch(n):
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    y = Yields()

    def work(k):
        total = 0
        for i in range(n):
            total += deeper(y, i) + (y + k)
            local = [i, k]
            total += local[1]
        return total

    try:
        return in_threads(work)
    finally:
        sys.setswitchinterval(before)


def threads_compile(n):
    """Each has functions of its own, made and compiled while others are within calls."""
    y = Yields()
    text = "def loop(n, y):\n    t = 0\n    for i in range(n):\n"
    text += "        t += y + i\n        t += inner(y, i)\n    return t\n"
    text += "def inner(y, i):\n    a = y + i\n    return a * 2\n"

    def work(k):
        total = 0
        for _ in range(3):
            names = {}
            exec(text, names)
            total += names["loop"](n // 2, y)
        return total

    return in_threads(work)


SCALE = 1


class Scaled:
    factor = 1

    def value(self):
        return self.factor


def threads_invalidate(n):
    """One changes what the others take for granted, in turn with them."""
    barrier = threading.Barrier(4)
    s = Scaled()

    def work(k):
        global SCALE
        totals = []
        for turn in range(6):
            barrier.wait()
            total = 0
            for i in range(n // 3):
                total += s.value() * SCALE + i
                if i % 64 == 0:
                    time.sleep(0)
            totals.append(total)
            barrier.wait()
            if k == turn % 4:
                SCALE = turn + 2
                Scaled.factor = turn * 3
        return totals

    try:
        return in_threads(work)
    finally:
        Scaled.factor = 1
        globals()["SCALE"] = 1


def threads_invalidate_freely(n):
    """The same without waiting: nothing crashes, each value is one of those that were set."""
    s = Scaled()
    stop = []

    def work(k):
        if k == 0:
            for turn in range(60):
                Scaled.factor = turn % 3 + 1
                time.sleep(0.0005)
            stop.append(1)
            return True
        good = True
        while not stop:
            for i in range(200):
                good = good and 1 <= s.value() <= 3
        return good

    try:
        return in_threads(work, 3)
    finally:
        Scaled.factor = 1


def threads_switch_off(n):
    """decal is switched off and on by one thread while others are in traces, within calls."""
    decal = sys.modules.get("decal")
    y = Yields()

    def work(k):
        if k == 0:
            for turn in range(20):
                if decal is not None and (turn % 2 or decal.is_enabled()):
                    (decal.enable if turn % 2 else decal.disable)()
                time.sleep(0.001)
            return True
        total = 0
        for _ in range(4):
            for i in range(n):
                total += deeper(y, i)
        return total

    return in_threads(work, 3)


def thread_frames(n):
    """The frames of another thread that is within a call of a trace."""
    inside = threading.Event()
    go = threading.Event()
    seen = []

    def wait(i):
        inside.set()
        go.wait()

    at = At(wait, (700,))

    def work():
        total = 0
        for i in range(n):
            total += deeper(at, i)
        seen.append(total)

    thread = threading.Thread(target=work)
    thread.start()
    inside.wait()
    frame = sys._current_frames()[thread.ident]
    lines = []
    while frame is not None:
        if frame.f_code.co_filename == __file__:
            values = {k: v for k, v in frame.f_locals.items() if k in ("i", "x", "a", "other") and type(v) is int}
            lines.append((frame.f_code.co_name, frame.f_lineno - frame.f_code.co_firstlineno, str(values)))
        frame = frame.f_back
    go.set()
    thread.join()
    return seen, lines


def async_exception(n):
    """An exception that another thread sets arrives in a loop that calls."""
    import ctypes

    class Stop(Exception):
        pass

    started = threading.Event()
    result = []

    def work():
        y = Yields()
        try:
            while True:
                for i in range(1000):
                    deeper(y, i)
                started.set()
        except Stop:
            result.append("stopped")

    thread = threading.Thread(target=work)
    thread.start()
    started.wait()
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(Stop))
    thread.join(20)
    return result, thread.is_alive()


def pending_call(n):
    """What C code asks to be called runs soon, also where the loop is in traces."""
    import ctypes

    ran, order = [], []

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
    def callback(_):
        ran.append(sys._getframe(1).f_code.co_name)
        return 0

    def ask(i):
        ctypes.pythonapi.Py_AddPendingCall(callback, None)
        order.append(len(ran))

    at = At(ask, (100, 700))
    total = 0
    for i in range(n):
        total += deeper(at, i)
    return total, ran, order


for function in (
    depths,
    too_deep_in_loop,
    limit_changed,
    limit_within,
    very_deep,
    signal_raised,
    signal_always,
    signal_in_operator,
    signal_in_inlined,
    handler_writes,
    handler_raises,
    interrupted,
    interrupted_soon,
    timer,
    threads_switch,
    threads_compile,
    threads_invalidate,
    threads_invalidate_freely,
    threads_switch_off,
    thread_frames,
    async_exception,
    pending_call,
):
    show(function, N)
for deep in (infinite, infinite_looping, lambda i: use_endless(Endless(), i), lambda i: repr(Endless())):
    show(too_deep, N, deep)
show(depths, N, note=" again")
