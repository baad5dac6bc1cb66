"""Tools that look at a program from outside say the same with and without decal: coverage, debugger, profilers."""

from __future__ import annotations

import importlib.util
import textwrap
from collections.abc import Mapping
from pathlib import Path

import pytest
from conftest import HERE, WAYS, Outcome, python

TARGET = HERE / "tools" / "target.py"
TRIED = ["native", "native-hot", "interpreter-hot"]


@pytest.fixture(params=TRIED)
def way(request: pytest.FixtureRequest) -> Mapping[str, str]:
    """Some of the ways to run."""
    return WAYS[str(request.param)]


def needs(name: str) -> pytest.MarkDecorator:
    """Skips where a package is not there."""
    return pytest.mark.skipif(importlib.util.find_spec(name) is None, reason=f"{name} is not installed")


def both(source: str, way: Mapping[str, str], tmp_path: Path, *, traces: bool = True) -> tuple[str, Outcome]:
    """Runs a program without decal and so; what it printed without, and the outcome with it."""
    path = tmp_path / "program.py"
    start = f"import sys\nsys.path.insert(0, {str(TARGET.parent)!r})\nimport target\n"
    path.write_text(start + textwrap.dedent(source), encoding="utf-8")
    plain = python(str(path), cwd=tmp_path)
    assert plain.status == 0, plain.stderr
    outcome = python("-m", "decal", "--stats", str(path), cwd=tmp_path, switches=way)
    internal = [line for line in outcome.stderr.splitlines() if "internal:" in line or "panicked" in line]
    assert not internal, internal
    if traces:
        assert outcome.stat("traces") > 0, outcome.stderr[-2000:]
    return plain.visible, outcome


COVERAGE = """
    import coverage

    def run(warm, branch):
        only = [target.__file__]
        cov = coverage.Coverage(data_file=None, branch=branch, config_file=False, include=only, messages=False)
        if warm:
            target.work(2000)
        cov.start()
        results = [target.work(50), target.work(2000)]
        cov.stop()
        results.append(target.work(2000))
        _, lines, excluded, missing, _ = cov.analysis2(target.__file__)
        data = cov.get_data()
        print(warm, branch, results, missing)
        if branch:
            print(sorted(data.arcs(target.__file__)))
            print(sorted(cov._analyze(target.__file__).missing_branch_arcs().items()))

    for branch in (False, True):
        for warm in (False, True):
            run(warm, branch)
"""


@needs("coverage")
@pytest.mark.parametrize("core", ["ctrace", "sysmon", "pytrace"])
def test_coverage(core: str, way: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines and branches, from the start and in the middle; the code is native again afterwards."""
    monkeypatch.setenv("COVERAGE_CORE", core)
    expected, outcome = both(COVERAGE, way, tmp_path)
    assert outcome.visible == expected


@needs("coverage")
@pytest.mark.parametrize("core", ["ctrace", "sysmon"])
def test_coverage_command(core: str, way: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`coverage run` of a whole program under `python -m decal`."""
    monkeypatch.setenv("COVERAGE_CORE", core)
    seen = []
    for words in ([], ["-m", "decal"]):
        run = ["-m", "coverage", "run", "--branch", "--data-file=data", str(TARGET), "1500"]
        outcome = python(*words, *run, cwd=tmp_path, switches=way if words else {})
        assert outcome.status == 0, outcome.stderr
        report = python("-m", "coverage", "report", "-m", "--data-file=data", cwd=tmp_path)
        seen.append((outcome.stdout, report.stdout))
    assert seen[0] == seen[1]


SESSION = """\
break target.helper, i == 1503
break target.fails, i == 1750
continue
where
args
p scale
up
p i, a if 'a' in locals() else None
down
return
p i * scale
next
next
whatis i
!i = 5
step
step
retval
until
continue
where 3
p i
step
step
step
clear
tbreak target.Vector.__add__
continue
where 3
p self.x, other.x
next
next
continue
"""


def session(words: list[str], way: Mapping[str, str], commands: str, tmp_path: Path) -> str:
    """The output of a program that reads these commands."""
    path = tmp_path / "commands"
    path.write_text(commands)
    code = f"import sys; sys.stdin = open({str(path)!r}); sys.path.insert(0, {str(TARGET.parent)!r})\n"
    program = tmp_path / "debugged.py"
    program.write_text(code + "import target\n" + textwrap.dedent(words[-1]), encoding="utf-8")
    return python(*words[:-1], str(program), switches=way, cwd=tmp_path).visible


def test_debugger(way: Mapping[str, str], tmp_path: Path) -> None:
    """A session in which breakpoints stop in loops that run for a while before."""
    program = """
    import pdb
    target.work(2000)
    pdb.run("print(target.work(2000))", {"target": target})
    print(target.work(2000))
    """
    expected = session([program], {}, SESSION, tmp_path)
    assert "(Pdb)" in expected
    assert session(["-m", "decal", program], way, SESSION, tmp_path) == expected


def test_breakpoint_in_loop(way: Mapping[str, str], tmp_path: Path) -> None:
    """`breakpoint()` in a function that a compiled loop calls: steps through the callers, then goes on."""
    program = """
    def stop(i):
        if i == 1400:
            breakpoint()
        return i

    def inner(i):
        x = stop(i)
        return x + 1

    def loop(n):
        total = 0
        for i in range(n):
            total += inner(i)
            total += target.helper(i)
        return total

    print(loop(2000))
    print(loop(2000))
    """
    commands = (
        "where 4\nnext\nnext\np i\nnext\nnext\np x\nnext\nnext\np total\nnext\nnext\n!total = 0\nwhere 2\ncontinue\n"
    )
    expected = session([program], {}, commands, tmp_path)
    assert "(Pdb)" in expected
    assert session(["-m", "decal", program], way, commands, tmp_path) == expected


def test_post_mortem(way: Mapping[str, str], tmp_path: Path) -> None:
    """The frames of an exception that left a compiled loop."""
    program = """
    import pdb, sys

    def inner(i):
        x = i * 2
        return 1 // (1500 - i) + x

    def loop(n):
        total = 0
        for i in range(n):
            total += inner(i)
        return total

    try:
        loop(2000)
    except ZeroDivisionError as error:
        pdb.post_mortem(error.__traceback__)
    """
    commands = "where\np i, x\nup\np i, total\nup\ndown\ndown\np x\nquit\n"
    expected = session([program], {}, commands, tmp_path)
    assert "(Pdb)" in expected
    assert session(["-m", "decal", program], way, commands, tmp_path) == expected


PROFILE = """
    import cProfile, profile, pstats, re

    def plain(name):
        return re.sub(r" at 0x\\w+", "", name)

    def show(profiler):
        stats = pstats.Stats(profiler)
        rows = []
        for (file, line, name), (calls, own, _, _, callers) in stats.stats.items():
            if file == target.__file__ or file == "~" and "decal" not in name:
                # The two profilers differ in how they count callers.
                by = [(plain(name), times if isinstance(times, int) else times[:2])
                      for (_, _, name), times in callers.items()]
                who = sorted(by)
                rows.append((plain(name), line, calls, own, who))
        for row in sorted(rows):
            print(row)

    for kind in (cProfile.Profile, profile.Profile):
        for warm in (False, True):
            if warm:
                target.work(2000)
            profiler = kind()
            print(profiler.runcall(target.work, 1500))
            show(profiler)
    profiler = cProfile.Profile()

    def switch(i):
        if i == 1300:
            profiler.enable()
        if i == 1800:
            profiler.disable()
        return i

    def loop(n):
        total = 0
        for i in range(n):
            total += switch(i) + target.helper(i)
        return total

    print(loop(2500))
    show(profiler)
    print(loop(2500))
"""


def test_profilers(way: Mapping[str, str], tmp_path: Path) -> None:
    """Who was called how often by whom; also where the profiler is switched on by what a loop calls."""
    expected, outcome = both(PROFILE, way, tmp_path)
    assert outcome.visible == expected


TRACEMALLOC = """
    import tracemalloc

    def make(i):
        a = [i, i + 1]
        return a, i * 1000.5

    def keep(n, start, stop):
        kept = []
        for i in range(n):
            if i == start:
                begin()
            kept.append(make(i))
            kept.append(i * 3.5)
            kept.append(i + 10**6)
            if i == stop:
                snapshots.append(tracemalloc.take_snapshot())
                end()
        return kept

    def begin():
        # Objects that CPython keeps for the next ones are not allocated: none may be left.
        held.append(([[] for _ in range(100)], [(i, i) for i in range(2100)], [i * 0.5 for i in range(200)]))
        tracemalloc.start(3)

    def end():
        tracemalloc.stop()

    held, snapshots = [], []
    for start, stop in ((0, 1500), (1300, 1600), (1300, 1600)):
        kept = keep(2000, start, stop)
    for snapshot in snapshots:
        found = {}
        for trace in snapshot.traces:
            # Below the program's frames are those of whoever runs it.
            frames = [frame.lineno for frame in trace.traceback if frame.filename == __file__]
            if trace.traceback[-1].filename == __file__:
                key = tuple(frames), trace.size
                found[key] = found.get(key, 0) + 1
        # Lists grow by steps that depend on what was there before.
        print(sorted((key, count) for key, count in found.items() if count > 50))
"""


def test_tracemalloc(way: Mapping[str, str], tmp_path: Path) -> None:
    """Which line allocated what: from the start, and switched on and off by what a loop calls."""
    expected, outcome = both(TRACEMALLOC, way, tmp_path)
    assert outcome.visible == expected


def test_native_again(way: Mapping[str, str], tmp_path: Path) -> None:
    """What a tool looks at runs in CPython, other code does not; and all is native again afterwards."""
    outcome = python("-m", "decal", str(HERE / "tools" / "native_again.py"), cwd=tmp_path, switches=way)
    expected = ["before True True"]
    for name in ("settrace", "setprofile", "cprofile", "everything", "one_code", "memory"):
        expected += [f"{name} False {name == 'one_code'} then True True"] * 3
    assert outcome.stdout.splitlines() == expected, outcome.stderr


FAULTHANDLER = """
    import faulthandler, os, tempfile

    file = tempfile.TemporaryFile()
    seen = {}

    class Dumps:
        def __add__(self, other):
            if other % 97 == 5:
                file.seek(0)
                file.truncate()
                faulthandler.dump_traceback(file, all_threads=False)
                file.seek(0)
                text = file.read().decode()
                # Names of files, and decal's own frames below, differ.
                lines = [line.split('"')[2] for line in text.splitlines()[1:] if "program.py" in line]
                seen["\\n".join(lines)] = seen.get("\\n".join(lines), 0) + 1
            return other

    def inner(d, i):
        x = i
        return d + x

    def outer(d, i):
        y = inner(d, i)
        z = d + y
        return z

    def loop(n):
        d = Dumps()
        total = 0
        for i in range(n):
            total += outer(d, i)
            total += d + i
        return total

    print(loop(2000))
    for text, count in seen.items():
        print(count, text)
"""


def test_faulthandler(way: Mapping[str, str], tmp_path: Path) -> None:
    """The stack as it is dumped from within a call."""
    expected, outcome = both(FAULTHANDLER, way, tmp_path)
    assert outcome.visible == expected


GREENLET = """
    import greenlet, sys

    class Switches:
        '''An operator that switches to another greenlet.'''

        def __init__(self, to=None, every=1):
            self.to, self.every, self.count = to, every, 0

        def __add__(self, other):
            self.count += 1
            if self.to is not None and self.count % self.every == 0:
                got = self.to.switch(other)
            return other

    def inner(s, i):
        x = s + i
        return x + 1

    def loop(s, n):
        total = 0
        for i in range(n):
            total += inner(s, i)
            total += s + i
        return total

    loop(Switches(), 2000)

    def ping_pong(n):
        a, b = Switches(), Switches()
        first, second = greenlet.greenlet(loop), greenlet.greenlet(loop)
        a.to, b.to = second, first
        results = []

        def run(which, s):
            results.append(loop(s, n))
            return which

        first.run, second.run = (lambda *_: run(1, a)), (lambda *_: run(2, b))
        print(first.switch(), results, first.dead, second.dead)
        if not second.dead:
            print(second.switch(), results)

    ping_pong(10)
    ping_pong(1500)

    def numbers(n):
        '''A generator made of a greenlet whose loop gives its items from within inlined calls.'''
        main = greenlet.getcurrent()

        class Gives:
            def __add__(self, other):
                main.switch(other)
                return other

        g = greenlet.greenlet(lambda: loop(Gives(), n))
        while not g.dead:
            yield g.switch()

    print(sum(x for x in numbers(1500)))

    def many(n):
        main = greenlet.getcurrent()
        done = []

        class Yields:
            def __add__(self, other):
                if other % 50 == 7:
                    main.switch()
                return other

        def run():
            done.append(loop(Yields(), n))

        waiting = [greenlet.greenlet(run) for _ in range(20)]
        while waiting:
            for g in list(waiting):
                g.switch()
                if g.dead:
                    waiting.remove(g)
        return done

    print(set(many(1000)), len(many(300)))

    def thrown(n):
        main = greenlet.getcurrent()
        lines = []

        class Waits:
            def __add__(self, other):
                if other == n // 2:
                    main.switch("waiting")
                return other

        def run():
            try:
                return loop(Waits(), n)
            except KeyError as error:
                tb = error.__traceback__
                while tb is not None:
                    lines.append((tb.tb_frame.f_code.co_name, tb.tb_lineno))
                    tb = tb.tb_next
                return "thrown"

        g = greenlet.greenlet(run)
        print(g.switch())
        print(g.throw(KeyError, "x"), [line for line in lines if line[0] in ("loop", "inner", "__add__")])

    thrown(100)
    thrown(1900)

    def dropped(n):
        '''A greenlet that nobody has any more ends within the call of a trace.'''
        main = greenlet.getcurrent()
        log = []

        class Waits:
            def __add__(self, other):
                if other == n // 2:
                    main.switch("waiting")
                return other

        class Ends:
            def __del__(self):
                log.append("del")

        def run():
            e = Ends()
            try:
                loop(Waits(), n)
            except greenlet.GreenletExit:
                log.append("exit")
                raise

        g = greenlet.greenlet(run)
        g.switch()
        g = None
        return log

    print(dropped(100), dropped(1900))

    def redefined(n):
        '''What a suspended trace takes for granted changes before it goes on.'''
        main = greenlet.getcurrent()

        class Waits:
            def __add__(self, other):
                if other in (n // 2, n // 2 + 1):
                    main.switch("waiting")
                return other

        class Item:
            def value(self):
                return 1

        def run():
            w, item, total = Waits(), Item(), 0
            for i in range(n):
                total += inner(w, i) * item.value() * SCALE
            return total

        global SCALE
        g = greenlet.greenlet(run)
        print(g.switch())
        SCALE = 5
        print(g.switch())
        Item.value = lambda self: 2
        print(g.switch(), g.dead)
        SCALE = 1

    SCALE = 1
    redefined(100)
    redefined(1900)
    before = sys.getrecursionlimit()
    print(before, sys.getallocatedblocks() > 0)
"""


@needs("greenlet")
def test_greenlets(way: Mapping[str, str], tmp_path: Path) -> None:
    """Switching from within calls of traces to loops that have traces, and back; throwing, dropping, changing."""
    expected, outcome = both(GREENLET, way, tmp_path)
    assert outcome.visible == expected
