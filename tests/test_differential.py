"""One answer, whichever way a program runs."""

from __future__ import annotations

import functools
import re
from pathlib import Path

import pytest
from conftest import HERE, JITTED, PROGRAMS, WAYS, Outcome, python, run_program

PROGRAM_FILES = sorted(path for path in PROGRAMS.glob("*.py") if path.stem != "common")
NAMES = [path.stem for path in PROGRAM_FILES]
# Sizes for which an example takes a moment; those that are missing are listed by a test below.
EXAMPLE_SIZES = {
    "collatz": 3000,
    "fib": 18,
    "game_of_life": 12,
    "int_sum": 20_000,
    "mandelbrot": 40,
    "matmul": 24,
    "minijit": 2500,
    "pi_monte_carlo": 10_000,
    "sieve": 20_000,
    "sieve_bytearray": 20_000,
}
EXAMPLES = HERE.parent / "examples"
# Programs in which failing guards are worth the time, with the guards that fail in turn.
GUARDED = {
    "guarded": range(40),
    "control": range(0, 40, 4),
    "containers": range(1, 40, 6),
    "calls": range(2, 40, 6),
    "exceptions": range(3, 40, 6),
    "references": range(0, 40, 6),
    "types_change": range(5, 40, 6),
}


@functools.cache
def plain(path: Path) -> Outcome:
    """What CPython does, without `python -m decal`."""
    return python(str(path))


def without_depth(text: str) -> str:
    """How deep recursion got depends on the frames below the program, of which `-m` has some."""
    return re.sub(r"line repeated \d+ more times", "line repeated", text)


def same(path: Path, switches: dict[str, str], *, traces: bool = True) -> None:
    """Runs the program so, and compares."""
    outcome = run_program(path, switches)
    expected = plain(path)
    if outcome.visible != expected.visible:
        theirs, ours = expected.visible.splitlines(), outcome.visible.splitlines()
        lines = [f"- {a}\n+ {b}" for a, b in zip(theirs, ours, strict=False) if a != b][:8]
        more = f"{len(theirs)} lines expected, {len(ours)} printed"
        pytest.fail("\n".join([f"{path.name} with {switches}: {more}", *lines, outcome.stderr[-1500:]]), pytrace=False)
    if traces:
        assert outcome.stat("traces") > 0, f"nothing was compiled:\n{outcome.stderr[-3000:]}"


@pytest.mark.parametrize("name", NAMES)
def test_switched_off(name: str) -> None:
    """Switched off, ``python -m decal`` is just Python; and the programs themselves give the same each time."""
    path = PROGRAMS / f"{name}.py"
    outcome = run_program(path, WAYS["plain"])
    assert without_depth(outcome.visible) == without_depth(plain(path).visible)
    assert outcome.status == 0
    assert outcome.stat("traces") == 0


@pytest.mark.parametrize("way", JITTED)
@pytest.mark.parametrize("name", NAMES)
def test_same_output(name: str, way: str) -> None:
    """Output and exit status are those of CPython, and something was compiled."""
    same(PROGRAMS / f"{name}.py", WAYS[way])


@pytest.mark.parametrize("mode", ["1", "interpreter"])
@pytest.mark.parametrize(("name", "guard"), [(name, guard) for name, guards in GUARDED.items() for guard in guards])
def test_failing_guards(name: str, guard: int, mode: str) -> None:
    """The nth guard of each trace always fails: every exit is taken, and rebuilds what it should."""
    same(PROGRAMS / f"{name}.py", {"DECAL_JIT": mode, "DECAL_STRESS": f"hot,guards:{guard}"})


@pytest.mark.parametrize("seed", range(3, 9))
def test_random_registers(seed: int) -> None:
    """The choice of registers makes no difference."""
    same(PROGRAMS / "guarded.py", {"DECAL_JIT": "1", "DECAL_STRESS": f"hot,registers:{seed}"})


def test_all_examples_have_a_size() -> None:
    """A new example needs a line above."""
    assert sorted(EXAMPLE_SIZES) == sorted(path.stem for path in EXAMPLES.glob("*.py"))


@pytest.mark.parametrize("name", EXAMPLE_SIZES)
def test_examples(name: str) -> None:
    """The examples print the same in all ways."""
    words = [str(EXAMPLES / f"{name}.py"), str(EXAMPLE_SIZES[name])]
    expected = python(*words)
    assert expected.status == 0
    assert expected.stderr == ""
    for way in JITTED:
        outcome = python("-m", "decal", "--stats", *words, switches=WAYS[way])
        assert outcome.visible == expected.visible, way
        assert outcome.stat("traces") > 0, f"{way}: nothing was compiled:\n{outcome.stderr}"
    for guard in range(0, 40, 5):
        switches = {"DECAL_JIT": "1", "DECAL_STRESS": f"hot,guards:{guard}"}
        outcome = python("-m", "decal", *words, switches=switches)
        assert outcome.visible == expected.visible, f"guard {guard}"
