"""Checked execution (``DECAL_VERIFY``) and the search for a culprit, both shown by a rule that is wrong."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import culprit
import pytest
from conftest import HERE, PROGRAMS, Outcome, python, run_program

CARGO = os.environ.get("CARGO") or shutil.which("cargo")
# Some that print the same in every way of running, and what they try most.
AGREEING = ["integers", "floats", "lists", "nested_loops", "attributes", "division_by_constants", "types_change"]

PROGRAM = """\
import decal

def right(n):
    s = 0
    for i in range(n):
        s += i * 3 % 7
    return s

def wrong(n):
    s = 0
    for i in range(n):
        s += i // 16
        s = s + (i ^ 1234567)
        s &= 0xffffff
    return s

def floating(n):
    s = 0.5
    for i in range(n):
        s += i / 4
    return s

print(right(3000), wrong(3000), floating(3000))
print(right(3000), wrong(3000), floating(3000))
"""
EXPLAIN = 'print(decal.explain(wrong).replace(chr(10), " ").count("DECAL_VERIFY: "))\n'


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program with a loop that the wrong rule spoils."""
    path = tmp_path / "program.py"
    path.write_text(PROGRAM, encoding="utf-8")
    return path


def results(outcome: Outcome) -> list[str]:
    """What the loops gave."""
    assert outcome.status == 0, outcome.stderr
    return outcome.stdout.splitlines()[:2]


@pytest.mark.parametrize("jit", ["1", "interpreter"])
@pytest.mark.parametrize("name", AGREEING)
def test_what_is_right_is_not_called_wrong(name: str, jit: str) -> None:
    plain = run_program(PROGRAMS / f"{name}.py", {"DECAL_JIT": "0"})
    switches = {"DECAL_JIT": jit, "DECAL_STRESS": "hot,dice:0", "DECAL_VERIFY": "1"}
    outcome = run_program(PROGRAMS / f"{name}.py", switches)
    assert outcome.visible == plain.visible
    assert "DECAL_VERIFY:" not in outcome.stderr, outcome.stderr[-3000:]
    assert outcome.stat("verified") > 100
    assert outcome.stat("differing") == 0
    # Machine code, up to exits and up to calls.
    has_code = jit == "1"
    assert (outcome.stat("verified code") > 20) is has_code
    assert (outcome.stat("verified code partly") > 20) is has_code


@pytest.mark.parametrize("jit", ["1", "interpreter"])
@pytest.mark.parametrize("stress", ["wrong", "hot,wrong"])
def test_a_wrong_trace_is_not_entered(jit: str, stress: str, program: Path) -> None:
    """Without checking the result is wrong; with it the result is right, and the trace is retired with a reason."""
    expected = results(run_program(program, {"DECAL_JIT": "0"}))
    switches = {"DECAL_JIT": jit, "DECAL_STRESS": stress}
    assert results(run_program(program, switches)) != expected
    program.write_text(PROGRAM + EXPLAIN, encoding="utf-8")
    outcome = run_program(program, {**switches, "DECAL_VERIFY": "1"})
    assert results(outcome) == expected
    assert outcome.stat("differing") == 1
    # Said by explain, and on standard error with the report behind it.
    assert outcome.stdout.splitlines()[2] == "1"
    said = re.search(r"decal: loop in wrong at .*program\.py:\d+: DECAL_VERIFY: trace \d+ differs", outcome.stderr)
    assert said, outcome.stderr
    assert "xor_int" in outcome.stderr


@pytest.mark.parametrize("stress", ["wrong:code", "hot,wrong:code"])
def test_wrong_machine_code_is_not_entered(stress: str, program: Path, tmp_path: Path) -> None:
    """A constant that is wrong in machine code alone: the trace is right. The report shows the code."""
    expected = results(run_program(program, {"DECAL_JIT": "0"}))
    assert results(run_program(program, {"DECAL_STRESS": stress})) != expected
    assert results(run_program(program, {"DECAL_JIT": "interpreter", "DECAL_STRESS": stress})) == expected
    folder = tmp_path / "reports"
    folder.mkdir()
    program.write_text(PROGRAM + EXPLAIN, encoding="utf-8")
    outcome = run_program(program, {"DECAL_STRESS": stress, "DECAL_VERIFY": str(folder)})
    assert results(outcome) == expected
    assert outcome.stat("differing") == 1
    assert outcome.stdout.splitlines()[2] == "1"
    assert "DECAL_VERIFY: the machine code of trace " in outcome.stderr
    [path] = reports(folder)
    traces, code = path.read_text(encoding="utf-8").split("\nmachine code of trace ")[:2]
    assert "const_int 1234567\n" in traces
    # With registers as it should be, and the instruction as it is: 1234566 is 12D686h.
    assert "=1234567 ;" in code
    assert re.search(r"mov \w+,12D686h\n.* xor ", code)
    assert "12D687h" not in code


TELLTALE = """\
import atexit, os, signal, sys, threading
sys.stdout.write("before\\n")  # in the buffer
atexit.register(print, "end")
signal.signal(signal.SIGCHLD, lambda *_: print("a child has ended"))
read, write = os.pipe()
os.set_blocking(write, False)
signal.set_wakeup_fd(write)
stop = threading.Event()
threads = [threading.Thread(target=stop.wait) for _ in range(3)]
[thread.start() for thread in threads]
events = []
sys.addaudithook(lambda event, _: events.append(event) if "fork" in event else None)
os.register_at_fork(before=lambda: print("fork"), after_in_child=lambda: print("child"))

def loop(n, box):
    s = 0
    for i in range(n):
        s += i * 3 % 7
        box[0] = s
    return s

for _ in range(20):
    print(loop(50, [0]), len(os.listdir("/proc/self/task")))
try:
    print(os.waitpid(-1, os.WNOHANG))
except ChildProcessError:
    print("no child")
os.close(write)
print(os.read(read, 10), events)
stop.set()
"""


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="Linux")
def test_nobody_hears_of_trials(tmp_path: Path) -> None:
    """Machine code is tried in copies of the process of which the program cannot know."""
    path = tmp_path / "telltale.py"
    path.write_text(TELLTALE, encoding="utf-8")
    plain = run_program(path, {"DECAL_JIT": "0"})
    outcome = run_program(path, {"DECAL_STRESS": "hot,dice:0", "DECAL_VERIFY": "1"})
    assert plain.stdout.splitlines()[-3:] == ["no child", "b'' []", "end"]
    assert outcome.visible == plain.visible
    assert outcome.stat("verified code") + outcome.stat("verified code partly") > 5


def reports(folder: Path) -> list[Path]:
    """The files in it."""
    return sorted(folder.iterdir())


def test_the_report(program: Path, tmp_path: Path) -> None:
    """It has both traces, what they started with, and is for the user's eyes only."""
    folder = tmp_path / "reports"
    folder.mkdir()
    outcome = run_program(program, {"DECAL_STRESS": "hot,wrong", "DECAL_VERIFY": str(folder)})
    [path] = reports(folder)
    assert f"the report is in {path}" in outcome.stderr
    assert "xor_int" not in outcome.stderr
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = path.read_text(encoding="utf-8")
    reference, optimized = text.split("\nreference\n")[1].split("\noptimized\n")[:2]
    # Of the first pass, and of each turn that the body holds.
    assert reference.count("xor_int") >= 2
    assert "xor_int" not in optimized
    assert "DECAL_STRESS=hot,wrong\n" in text
    assert re.search(r"memory that was read\n(0x[0-9a-f]+ 0x[0-9a-f]+\n)+end\n$", text)


SIDE = """\
def loop(n):
    t = 0.5
    for i in range(n):
        t = t % 7.5 + i
        if i % 5 == 4:
            t += i ^ 1234567
            t = t % 3.25
    return t

print(loop(3000))
"""


@pytest.mark.skipif(CARGO is None, reason="there is no cargo here")
@pytest.mark.parametrize("source", [PROGRAM, SIDE], ids=["root", "side"])
def test_a_report_is_replayed(source: str, program: Path, tmp_path: Path) -> None:
    """Without the program: the same difference, also in a side trace and with calls of functions of doubles."""
    folder = tmp_path / "reports"
    folder.mkdir()
    program.write_text(source, encoding="utf-8")
    run_program(program, {"DECAL_STRESS": "wrong", "DECAL_VERIFY": str(folder)})
    [path] = reports(folder)
    report = path.read_text(encoding="utf-8")
    program.unlink()
    differs = next(line for line in report.splitlines() if line.startswith("differs: "))
    assert ("\ntrace exit\n" in report) is (source == SIDE)

    def replay() -> tuple[int, str]:
        words = [str(CARGO), "xtask", "replay", str(path)]
        done = subprocess.run(words, cwd=HERE.parent, capture_output=True, encoding="utf-8", check=False)
        return done.returncode, done.stdout + done.stderr

    assert replay() == (0, differs + "\n")
    # What was recorded twice without the optimizer does not differ.
    reference = report.split("\nreference\n")[1].split("\noptimized\n")[0]
    optimized = report.split("\noptimized\n")[1].split("\ncalls of functions of doubles\n")[0]
    path.write_text(report.replace(optimized, reference), encoding="utf-8")
    status, said = replay()
    assert (status, "differs" in said) == (1, False), said


@pytest.mark.skipif(os.name != "posix", reason="links")
def test_no_link_is_followed(program: Path, tmp_path: Path) -> None:
    """A file that is there already is not written, nor what a link of that name leads to."""
    folder, target = tmp_path / "reports", tmp_path / "target"
    folder.mkdir()
    target.write_text("untouched", encoding="utf-8")
    source = f"""
import os, runpy
for number in range(100):
    os.symlink({str(target)!r}, os.path.join({str(folder)!r}, f"decal-verify-{{os.getpid()}}-{{number}}.txt"))
import decal
decal.enable()
runpy.run_path({str(program)!r})
"""
    outcome = python("-c", source, switches={"DECAL_STRESS": "hot,wrong", "DECAL_VERIFY": str(folder)})
    assert outcome.status == 0, outcome.stderr
    assert "decal: no report in " in outcome.stderr
    assert target.read_text(encoding="utf-8") == "untouched"
    assert len(reports(folder)) == 100


def test_other_values_are_refused() -> None:
    outcome = python("-m", "decal", "-c", "pass", switches={"DECAL_VERIFY": "yes"})
    assert outcome.status == 2
    assert 'DECAL_VERIFY="yes" is not known' in outcome.stderr


def search(program: Path, stress: str) -> tuple[int, list[str], culprit.Search]:
    """What a search says."""
    said: list[str] = []
    search = culprit.Search([str(program)], stress, say=said.append)
    return search.find(), said, search


def test_the_culprit_is_found(program: Path) -> None:
    """The trace, the part of optimizing and the rewrite, with its line."""
    status, said, again = search(program, "hot,dice:0,wrong")
    assert status == 0, said
    assert re.fullmatch(r"trace \d+ is at fault: compiled .* in wrong at .*program\.py:\d+ as trace \d+ .*", said[0])
    assert "without the part fold of the optimizer it is right" in said
    found = re.search(r"^rewrite (\d+) of trace (\d+) is at fault, on line 13: wrong: `a \^ 1234567` is `a`", said[-2])
    assert found, said
    # With these switches it is wrong, and with one rewrite less it is right.
    switches = said[-1].split("DECAL_STRESS=")[1]
    assert switches.endswith(f"rewrites:{found[1]}")
    fewer = switches.removesuffix(found[1]) + str(int(found[1]) - 1)
    plain = again.run({"DECAL_JIT": "0"})
    assert plain.status == 0
    assert not again.run({"DECAL_STRESS": switches}).same(plain)
    assert again.run({"DECAL_STRESS": fewer}).same(plain)


def test_nothing_is_found_where_nothing_is_wrong(program: Path) -> None:
    program.write_text("print(sum(i * i for i in range(500)))", encoding="utf-8")
    status, said, _ = search(program, "hot,dice:0")
    assert status == 1
    assert said == ["with DECAL_STRESS=hot,dice:0 it does what it does in plain CPython"]


def test_a_program_that_is_never_the_same(program: Path) -> None:
    program.write_text("import time\nprint(time.perf_counter_ns())", encoding="utf-8")
    assert search(program, "hot,dice:0")[0] == 2


def test_the_command(program: Path) -> None:
    """As `cargo xtask bisect` starts it."""
    command = str(Path(culprit.__file__))
    outcome = python(command, "--stress", "hot,dice:0,wrong", str(program), timeout=300)
    assert outcome.status == 0, outcome.stderr
    assert "on line 13: wrong" in outcome.stdout
    assert python(command).status == 2
