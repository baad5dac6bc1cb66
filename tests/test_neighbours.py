"""Other things that live in a process: what works without decal works the same with it.

The tools that look at a program have a file of their own, `test_tools.py`; greenlets are there, too.
"""

from __future__ import annotations

import importlib.util
import textwrap
from collections.abc import Mapping
from pathlib import Path

import pytest
from conftest import WAYS, Outcome, python

TRIED = ["native-hot", "interpreter-hot"]


@pytest.fixture(params=TRIED)
def way(request: pytest.FixtureRequest) -> Mapping[str, str]:
    """Some of the ways to run."""
    return WAYS[str(request.param)]


def needs(name: str) -> pytest.MarkDecorator:
    """Skips where a package is not there."""
    return pytest.mark.skipif(importlib.util.find_spec(name) is None, reason=f"{name} is not installed")


def both(source: str, way: Mapping[str, str], tmp_path: Path, *options: str) -> Outcome:
    """Runs a program without decal and with it: both must do the same. Gives the outcome with it."""
    path = tmp_path / "program.py"
    path.write_text(textwrap.dedent(source), encoding="utf-8")
    plain = python(*options, str(path), cwd=tmp_path)
    assert plain.status == 0, plain.stderr
    outcome = python(*options, "-m", "decal", "--stats", str(path), cwd=tmp_path, switches=way)
    assert outcome.visible == plain.visible, outcome.stderr[-3000:]
    internal = [line for line in outcome.stderr.splitlines() if "internal:" in line or "panicked" in line]
    assert not internal, internal
    assert outcome.stat("traces") > 0, outcome.stderr[-2000:]
    return outcome


PROCESSES = """
    import multiprocessing

    METHOD = "{method}"

    def total(n):
        s = 0
        for i in range(n):
            s += i * i % 7
        return s

    def fill(queue, n):
        s = 0.0
        for i in range(n * 1000):
            s += i / 3
        queue.put((n, round(s, 3)))

    if __name__ == "__main__":
        print(total(3000))
        context = multiprocessing.get_context(METHOD)
        with context.Pool(2) as pool:
            print(pool.map(total, range(500, 3000, 500)))
        queue = context.Queue()
        workers = [context.Process(target=fill, args=(queue, n)) for n in range(3)]
        for worker in workers:
            worker.start()
        print(sorted(queue.get() for _ in workers))
        for worker in workers:
            worker.join()
            print(worker.exitcode)
        print(total(3000))
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(method: str, way: Mapping[str, str], tmp_path: Path) -> None:
    """Pools and processes; the parent goes on with its traces."""
    both(PROCESSES.replace("{method}", method), way, tmp_path)


ASYNCIO = """
    import asyncio

    async def numbers(n):
        for i in range(n):
            if i % 100 == 0:
                await asyncio.sleep(0)
            yield i

    async def sums(n):
        s = 0
        async for i in numbers(n):
            s += i * 3
        for k in range(n):
            s ^= k
        return s

    async def cancelled():
        try:
            i = 0
            while True:
                i += 1
                if i % 500 == 0:
                    await asyncio.sleep(0)
        except asyncio.CancelledError:
            return i % 500

    async def main():
        print(await asyncio.gather(*(sums(n) for n in range(0, 1500, 300))))
        task = asyncio.create_task(cancelled())
        await asyncio.sleep(0.01)
        task.cancel()
        print(await task)
        loop = asyncio.get_running_loop()
        print(await loop.run_in_executor(None, lambda: sum(i * i for i in range(3000))))
        async with asyncio.timeout(5):
            print(await asyncio.to_thread(max, range(1000)))

    asyncio.run(main())
"""


def test_asyncio(way: Mapping[str, str], tmp_path: Path) -> None:
    """Coroutines, asynchronous generators, cancelling, threads."""
    both(ASYNCIO, way, tmp_path)


CALLBACKS = """
    import ctypes, sys

    COMPARE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
    calls = 0

    def compare(a, b):
        global calls
        calls += 1
        weight = 0
        for i in range(20):
            weight += (a[0] - b[0]) * (i % 3)
        return (weight > 0) - (weight < 0)

    libc = ctypes.CDLL(None)

    def sort(numbers):
        array = (ctypes.c_int * len(numbers))(*numbers)
        libc.qsort(array, len(numbers), ctypes.sizeof(ctypes.c_int), COMPARE(compare))
        return list(array)

    def fails(a, b):
        raise ValueError("in a callback")

    for turn in range(30):
        numbers = [(i * 7919 + turn) % 101 for i in range(40)]
        assert sort(numbers) == sorted(numbers)
    print(calls)
    hooked = []
    sys.unraisablehook = lambda what: hooked.append(str(what.exc_value))
    array = (ctypes.c_int * 3)(3, 1, 2)
    for _ in range(50):
        libc.qsort(array, 3, ctypes.sizeof(ctypes.c_int), COMPARE(fails))
    print(len(hooked) > 0, set(hooked))
"""


def test_ctypes_callbacks(way: Mapping[str, str], tmp_path: Path) -> None:
    """C calls Python that has traces, from a trace; exceptions in it go where they go."""
    both(CALLBACKS, way, tmp_path)


INTERPRETERS = """
    import _interpreters

    def total(n):
        s = 0
        for i in range(n):
            s += i * 3
        return s

    print(total(3000))
    for isolated in ("isolated", "legacy"):
        number = _interpreters.create(isolated)
        what = _interpreters.run_string(number, '''if True:
            def total(n):
                s = 0
                for i in range(n):
                    s += i * 5
                return s
            results = [total(2000) for _ in range(3)]
            assert results == [9995000] * 3, results
            try:
                import decal
                decal.enable()
            except Exception:
                pass
            assert total(2000) == 9995000
        ''')
        print(what)
        print(total(3000))
        _interpreters.destroy(number)
    print(total(3000))
"""


@needs("_interpreters")
def test_sub_interpreters(way: Mapping[str, str], tmp_path: Path) -> None:
    """They run without decal, also where they ask for it; the main one keeps its traces."""
    both(INTERPRETERS, way, tmp_path)


WORK = """
    import sys, warnings

    class Point:
        __slots__ = ("x", "y")
        def __init__(self, x, y):
            self.x, self.y = x, y

    def work(n):
        assert n >= 0, "only where assertions are on"
        total, kept = 0.0, []
        for i in range(n):
            point = Point(i, i * 0.5)
            kept.append(point)
            total += point.x * 2 + point.y
            if i % 100 == 0:
                kept.clear()
        return total, len(kept), __debug__

    print(work(2000), sys.flags.dev_mode, sys.flags.optimize, sys.flags.isolated)
    try:
        print(work(-1))
    except AssertionError as error:
        print(error)
"""


@pytest.mark.parametrize("options", [("-X", "dev"), ("-O",), ("-OO",), ("-X", "importtime"), ("-bb",), ("-W", "error")])
def test_options_of_python(options: tuple[str, ...], way: Mapping[str, str], tmp_path: Path) -> None:
    """`-X dev` has allocators that fill memory and checks of its own; `-O` leaves assertions out."""
    both(WORK, way, tmp_path, *options)


NUMPY = """
    import numpy as np

    def mixed(n):
        a = np.arange(n, dtype=np.float64)
        total, counts = 0.0, [0] * 7
        for i in range(n):
            total += a[i] * 2
            a[i] = i % 3
            counts[int(a[i])] += 1
            total += float(np.float32(0.5)) + np.int64(i)
        return total, counts, a.sum(), type(total).__name__

    class Money(np.ndarray):
        def __array_finalize__(self, other):
            self.name = getattr(other, "name", "none")

    def broadcast(n):
        m = np.eye(3).view(Money)
        m.name = "m"
        for i in range(n):
            m = m * 1.0 + i * np.ones(3)
            if not (m >= 0).all():
                raise ValueError
        return m.tolist(), m.name

    print(mixed(1500), mixed(300))
    print(broadcast(300))
    print(np.vectorize(lambda x: x * 2 + 1)(np.arange(500)).sum())
    with np.errstate(all="raise"):
        try:
            for i in range(300):
                np.float64(1.0) / np.float64(250 - i)
        except FloatingPointError as error:
            print(i, error)
"""


@needs("numpy")
def test_numpy(way: Mapping[str, str], tmp_path: Path) -> None:
    """Arrays and their scalars in loops, classes of arrays, Python functions that numpy calls."""
    both(NUMPY, way, tmp_path)


GEVENT = """
    import gevent, gevent.queue
    from gevent import monkey
    monkey.patch_all()
    import time

    def produce(queue, n):
        for i in range(n):
            queue.put(i * i)
            if i % 50 == 0:
                time.sleep(0)
        queue.put(None)

    def consume(queue):
        total = 0
        while (item := queue.get()) is not None:
            total += item % 97
        return total

    queues = [gevent.queue.Queue(8) for _ in range(4)]
    greenlets = [gevent.spawn(produce, queue, 400 + 10 * n) for n, queue in enumerate(queues)]
    consumers = [gevent.spawn(consume, queue) for queue in queues]
    gevent.joinall(greenlets + consumers)
    print([consumer.value for consumer in consumers])
"""


@needs("gevent")
def test_gevent(way: Mapping[str, str], tmp_path: Path) -> None:
    """Greenlets that switch in loops that have traces."""
    both(GEVENT, way, tmp_path)
