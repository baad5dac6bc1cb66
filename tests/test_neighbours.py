"""Other things that live in a process: what works without decal works the same with it.

The tools that look at a program have a file of their own, `test_tools.py`; greenlets are there, too.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from conftest import WAYS, Outcome, environment, python

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


DEBUGGED = """
    import debugpy

    def total(n):
        s = 0
        for i in range(n):
            s += i * 3 % 7
        return s

    print(total(3000))
    print("port", debugpy.listen(("127.0.0.1", 0))[1], flush=True)
    debugpy.wait_for_client()
    print(total(3000))
    debugpy.breakpoint()
    print(total(3000))
    print(total(30))
"""


class Debugger:
    """A client of the Debug Adapter Protocol, as an editor has one, with what it was told in words."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.file = self.socket.makefile("rb")
        self.number = 0
        self.events: list[dict[str, Any]] = []
        self.told: list[object] = []

    def send(self, command: str, **arguments: object) -> int:
        """Asks for something."""
        self.number += 1
        message = {"seq": self.number, "type": "request", "command": command, "arguments": arguments}
        body = json.dumps(message).encode()
        self.socket.sendall(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        return self.number

    def receive(self) -> dict[str, Any]:
        """The next message."""
        length = 0
        while (line := self.file.readline().strip()) or not length:
            name, _, value = line.partition(b": ")
            if name == b"Content-Length":
                length = int(value)
        message: dict[str, Any] = json.loads(self.file.read(length))
        return message

    def answer(self, number: int) -> dict[str, Any]:
        """The answer to that request."""
        while (message := self.receive()).get("request_seq") != number:
            self.events.append(message)
        assert message["success"], message
        body: dict[str, Any] = message.get("body") or {}
        return body

    def ask(self, command: str, **arguments: object) -> dict[str, Any]:
        """Asks, and waits for the answer."""
        return self.answer(self.send(command, **arguments))

    def event(self, name: str) -> dict[str, Any]:
        """The next event of this name."""
        while True:
            for message in self.events:
                if message.get("event") == name:
                    self.events.remove(message)
                    body: dict[str, Any] = message.get("body", {})
                    return body
            self.events.append(self.receive())

    def stopped(self) -> tuple[int, int]:
        """Waits until the program stops; tells where, and what is there. The thread and its innermost frame."""
        body = self.event("stopped")
        thread = body["threadId"]
        frames = self.ask("stackTrace", threadId=thread)["stackFrames"]
        # Below the program is whoever runs it.
        depth = next(at for at, frame in enumerate(frames) if frame["name"] == "<module>")
        self.told.append((body["reason"], [(frame["name"], frame["line"]) for frame in frames[: depth + 1]]))
        frame = frames[0]["id"]
        [reference, *_] = [scope["variablesReference"] for scope in self.ask("scopes", frameId=frame)["scopes"]]
        variables = self.ask("variables", variablesReference=reference)["variables"]
        self.told.append([(v["name"], v["value"]) for v in variables if v["name"] in ("i", "n", "s")])
        return thread, frame


def debug(path: Path, words: list[str], way: Mapping[str, str]) -> tuple[list[object], str, str]:
    """Debugs the program above: what the debugger was told, and the output."""
    program = subprocess.Popen(
        [sys.executable, *words, str(path)],
        env=environment(way),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    try:
        assert program.stdout is not None
        lines = [program.stdout.readline()]
        said = program.stdout.readline()
        client = Debugger(int(said.split()[1]))
        client.ask("initialize", adapterID="test", pathFormat="path", linesStartAt1=True)
        attached = client.send("attach", justMyCode=False)
        client.event("initialized")
        client.ask("configurationDone")
        client.answer(attached)
        thread, _ = client.stopped()
        # The loop is hot by now.
        line = next(n for n, text in enumerate(path.read_text().splitlines(), 1) if "s += " in text)
        where = {"line": line, "condition": "i % 1000 == 7"}
        source = {"path": str(path)}
        found = client.ask("setBreakpoints", source=source, breakpoints=[where])["breakpoints"]
        client.told.append([(point["verified"], point["line"]) for point in found])
        client.ask("continue", threadId=thread)
        thread, frame = client.stopped()
        client.told.append(client.ask("evaluate", expression="s * 2 + i", frameId=frame)["result"])
        for step in ("next", "next", "continue"):
            client.ask(step, threadId=thread)
            thread, _ = client.stopped()
        client.ask("setBreakpoints", source=source, breakpoints=[])
        client.ask("continue", threadId=thread)
        client.event("terminated")
        # The adapter is a process of its own, which has the program's pipes as long as there is a client.
        client.ask("disconnect")
        client.file.close()
        client.socket.close()
        out, errors = program.communicate(timeout=60)
        return client.told, "".join(lines) + out, errors
    finally:
        program.kill()


@needs("debugpy")
def test_debugpy(way: Mapping[str, str], tmp_path: Path) -> None:
    """A breakpoint with a condition in a loop that is hot, steps, variables, an expression: by an editor's protocol."""
    path = tmp_path / "program.py"
    path.write_text(textwrap.dedent(DEBUGGED), encoding="utf-8")
    told, said, _ = debug(path, [], {})
    assert len(told) > 10
    with_decal, said_with, errors = debug(path, ["-m", "decal", "--stats"], way)
    assert with_decal == told
    assert said_with == said
    assert "internal:" not in errors
    assert Outcome("", errors, 0).stat("traces") > 0, errors


TESTS = """
    import pytest

    def work(n):
        total = 0
        for i in range(n):
            total += i * i % 11
        return total

    @pytest.fixture
    def numbers(request):
        yield [work(n) for n in range(200, 260)]

    @pytest.mark.parametrize("n", [100, 1000, 3000])
    def test_work(n, numbers):
        assert work(n) == sum(i * i % 11 for i in range(n))
        assert len(numbers) == 60

    def test_fails(numbers):
        for i, n in enumerate(numbers):
            assert n != numbers[40] or i < 40, "the one that is looked for"

    @pytest.mark.xfail(raises=ZeroDivisionError)
    def test_raises():
        for i in range(2000, -1, -1):
            work(5000 // i)

    def test_approx(capsys, monkeypatch, tmp_path):
        monkeypatch.setattr("builtins.work", work, raising=False)
        for i in range(800):
            print(i, file=open(tmp_path / "x", "w"))
        print(work(10))
        assert capsys.readouterr().out == "43\\n"
        assert sum(0.1 for _ in range(1000)) == pytest.approx(100)
"""


def test_pytest(tmp_path: Path) -> None:
    """pytest, whose assertions are rewritten code: the same tests pass and fail, with the same words."""
    path = tmp_path / "test_work.py"
    path.write_text(textwrap.dedent(TESTS), encoding="utf-8")
    words = ["-m", "pytest", "-v", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:randomly", str(path)]
    plain = python(*words, cwd=tmp_path)
    assert plain.status == 1
    outcome = python("-m", "decal", "--stats", *words, cwd=tmp_path, switches=WAYS["native"])

    def without_times(text: str) -> str:
        return re.sub(r"in \d+\.\d+s( \([\d:]+\))?|=+", "", text)

    assert without_times(outcome.visible) == without_times(plain.visible)
    assert "1 failed, 4 passed, 1 xfailed" in plain.stdout
    assert "internal:" not in outcome.stderr
    assert outcome.stat("traces") > 0


EMBEDDING = r"""
    #include <Python.h>
    #include <stdio.h>

    static const char *work =
        "def total(n):\n"
        "    s = 0\n"
        "    for i in range(n):\n"
        "        s += i * 3 % 7\n"
        "    return s\n";

    static long call(PyObject *function, long n) {
        PyObject *result = PyObject_CallFunction(function, "l", n);
        long number = result ? PyLong_AsLong(result) : -1;
        Py_XDECREF(result);
        return number;
    }

    int main(int argc, char **argv) {
        setvbuf(stdout, NULL, _IONBF, 0);
        Py_Initialize();
        PyObject *main_module = PyImport_AddModule("__main__");
        PyObject *names = PyModule_GetDict(main_module);
        PyObject *list = PyList_New(0), *path = PySys_GetObject("path");
        for (int i = 1; i < argc; i++) {
            PyObject *folder = PyUnicode_FromString(argv[i]);
            PyList_Insert(path, i - 1, folder);
            Py_DECREF(folder);
        }
        if (PyRun_SimpleString(work) != 0 || list == NULL) return 2;
        PyObject *function = PyDict_GetItemString(names, "total");
        printf("%ld\n", call(function, 3000));
        if (PyRun_SimpleString("import decal\nprint(decal.enable())") != 0) return 3;
        for (int i = 0; i < 5; i++) printf("%ld\n", call(function, 3000));
        if (PyRun_SimpleString("print(decal.stats()['traces'] > 0)\ndecal.disable()") != 0) return 4;
        printf("%ld\n", call(function, 3000));
        if (PyRun_SimpleString("print(decal.enable())") != 0) return 5;
        printf("%ld\n", call(function, 3000));
        Py_DECREF(list);
        return Py_FinalizeEx() == 0 ? 0 : 6;
    }
"""


def test_embedding(way: Mapping[str, str], tmp_path: Path) -> None:
    """A C program that has a Python in it and calls a function: before decal is on, with it, and with it off again."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler (cc)")
    library = Path(sysconfig.get_config_var("LIBDIR") or "", sysconfig.get_config_var("LDLIBRARY") or "?")
    include = Path(sysconfig.get_paths()["include"])
    if not library.is_file() or not (include / "Python.h").is_file():
        pytest.skip(f"this Python comes without {library.name} or without Python.h")
    source, program = tmp_path / "embedding.c", tmp_path / "embedding"
    source.write_text(textwrap.dedent(EMBEDDING), encoding="utf-8")
    words = [compiler, str(source), "-o", str(program), f"-I{include}", str(library), f"-Wl,-rpath,{library.parent}"]
    libraries = ["LIBS", "SYSLIBS", "LINKFORSHARED"]
    words += [word for name in libraries for word in (sysconfig.get_config_var(name) or "").split()]
    subprocess.run(words, check=True, capture_output=True)
    import decal

    folders = [str(Path(decal.__file__).parents[1])]
    variables = {**environment(way), "PYTHONHOME": sys.base_prefix, "PYTHONUNBUFFERED": "1"}
    done = subprocess.run([str(program), *folders], env=variables, capture_output=True, encoding="utf-8", check=False)
    number = str(sum(i * 3 % 7 for i in range(3000)))
    assert done.stdout.split() == [number, "True", *[number] * 5, "True", number, "True", number], done.stderr
    assert done.returncode == 0
