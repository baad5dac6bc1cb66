"""One answer, whichever way a program runs."""

from __future__ import annotations

import functools
import os
import re

import pytest
from conftest import HERE, JITTED, PROGRAMS, WAYS, Outcome, python

EXAMPLES = HERE.parent / "examples"
# Arguments with which an example takes a moment; those that are missing are listed by a test below.
EXAMPLE_SIZES = {
    "collatz": 300,
    "fib": 10,
    "game_of_life": 4,
    "int_sum": 3000,
    "mandelbrot": 16,
    "matmul": 10,
    "minijit": 1200,
    "pi_monte_carlo": 2000,
    "sieve": 3000,
    "sieve_bytearray": 3000,
}
RUNS: dict[str, list[str]] = {
    **{
        path.stem: [str(path)]
        for path in sorted(PROGRAMS.glob("*.py"))
        if path.stem not in ("chains", "common", "recursive")
    },
    **{f"example-{name}": [str(EXAMPLES / f"{name}.py"), str(size)] for name, size in EXAMPLE_SIZES.items()},
}
# Nothing but recursion: functions without a loop are not compiled unless they are asked for.
NO_LOOP = {"example-fib"}
# Compiled in the ways that are hot; for the others too short where the machine does other things, since what comes
# seldom is not hot.
SHORT = {
    "borrowed_descriptors",
    "foreign_events",
    "found_by_fuzzing",
    "frames_run_by_others",
    "instruction_events_again",
    "traced_memory",
    "weak_builtin_functions",
}
# Programs that mostly wait: every fifth guard has to do.
SLOW = {"interruption", "references", "operators"}
# Guards are dealt out to so many tests, so that the processors share them.
PARTS = 8


@functools.cache
def plain(name: str) -> Outcome:
    """What CPython does, without `python -m decal`."""
    return python(*RUNS[name])


def without_depth(text: str) -> str:
    """How deep recursion got depends on the frames below the program, of which `-m` has some."""
    text = re.sub(r"line repeated \d+ more times", "line repeated", text)
    return re.sub(r"(recursion depth exceeded|^reached)( \d+)+$", r"\1", text, flags=re.MULTILINE)


def run(name: str, switches: dict[str, str]) -> Outcome:
    """The program under ``python -m decal --stats``."""
    return python("-m", "decal", "--stats", *RUNS[name], switches=switches)


def same(name: str, switches: dict[str, str], *, traces: bool = True) -> Outcome:
    """Runs the program so, and compares."""
    outcome = run(name, switches)
    expected = plain(name)
    if outcome.visible != expected.visible:
        theirs, ours = expected.visible.splitlines(), outcome.visible.splitlines()
        lines = [f"- {a}\n+ {b}" for a, b in zip(theirs, ours, strict=False) if a != b][:8]
        more = f"{len(theirs)} lines expected, {len(ours)} printed"
        pytest.fail("\n".join([f"{name} with {switches}: {more}", *lines, outcome.stderr[-1500:]]), pytrace=False)
    internal = [line for line in outcome.stderr.splitlines() if "internal:" in line or "panicked" in line]
    assert not internal, f"{name} with {switches}: {internal}"
    is_hot = "hot" in switches.get("DECAL_STRESS", "")
    if traces and name not in NO_LOOP and (is_hot or name not in SHORT):
        assert outcome.stat("traces") > 0, f"nothing was compiled:\n{outcome.stderr[-3000:]}"
    return outcome


@pytest.mark.parametrize("name", RUNS)
def test_switched_off(name: str) -> None:
    """Switched off, ``python -m decal`` is just Python; and the programs themselves give the same each time."""
    outcome = run(name, WAYS["plain"])
    assert without_depth(outcome.visible) == without_depth(plain(name).visible)
    assert outcome.status == 0
    assert plain(name).stderr == ""
    assert outcome.stat("traces") == 0


@pytest.mark.parametrize("way", JITTED)
@pytest.mark.parametrize("name", RUNS)
def test_same_output(name: str, way: str) -> None:
    """Output and exit status are those of CPython, and something was compiled."""
    same(name, WAYS[way])


# Guards of each program that are made to fail.
GUARDS = 10


@functools.cache
def guards(name: str) -> int:
    """How many exits the trace with the most of them has."""
    return max(run(name, {"DECAL_STRESS": "hot"}).stat("most exits"), 1)


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("name", RUNS)
def test_failing_guards(name: str, part: int) -> None:
    """The nth guard of each trace always fails: exits are taken, and rebuild what they should.

    Programs with many exits try some of them, evenly spread; with ``DECAL_TEST_GUARDS=all`` all.
    """
    total = guards(name)
    wanted = total if os.environ.get("DECAL_TEST_GUARDS") == "all" else GUARDS
    for guard in list(range(0, total, max(1, total // wanted)))[part::PARTS]:
        if name in SLOW and guard % 5:
            continue
        same(name, {"DECAL_JIT": "1", "DECAL_STRESS": f"hot,guards:{guard}"}, traces=False)
        if guard % 11 == 0:
            same(name, {"DECAL_JIT": "interpreter", "DECAL_STRESS": f"hot,guards:{guard}"}, traces=False)
        if guard % 13 == 0:
            switches = {"DECAL_JIT": "1", "DECAL_OPTIMIZE": "0", "DECAL_STRESS": f"hot,guards:{guard}"}
            same(name, switches, traces=False)


@pytest.mark.parametrize("seed", range(3, 9))
@pytest.mark.parametrize("name", ["guarded", "control", "integers", "objects"])
def test_random_registers(name: str, seed: int) -> None:
    """The choice of registers makes no difference."""
    same(name, {"DECAL_JIT": "1", "DECAL_STRESS": f"hot,registers:{seed}"})


@pytest.mark.parametrize("number", range(32, 56, 4))
def test_passes_given_up(number: int) -> None:
    """Which traces there are, and which lead to which, makes no difference."""
    same("loops_in_native_calls", {"DECAL_JIT": "1", "DECAL_STRESS": f"hot,abandon:{number}"})


def test_all_examples_have_a_size() -> None:
    """A new example needs a line above."""
    assert sorted(EXAMPLE_SIZES) == sorted(path.stem for path in EXAMPLES.glob("*.py"))
