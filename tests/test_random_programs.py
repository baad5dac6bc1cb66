"""Random programs: CPython knows the answers.

Two kinds: expressions in one loop, which hypothesis makes and shrinks, and whole programs (see `generate`) with nested
loops, calls, exceptions and objects. Each run tries the same ones; to try others, and for as long as one likes:

    DECAL_TEST_PROGRAMS=2000 cargo xtask python -- -m pytest tests/test_random_programs.py

The programs of `cargo xtask fuzz` (see `fuzz`) are small, and many are tried in one process.
"""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Mapping
from pathlib import Path

import generate
import generate_objects
import pytest
from conftest import HERE, WAYS, python, run_program
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

INTS = ["0", "1", "2", "-1", "3", "7", "-10", "255", "2**30", "-(2**31)", "2**62 - 1", "-(2**63)", "2**70"]
FLOATS = ["0.0", "-0.0", "0.5", "-1.5", "3.0", "1e300", "float('inf')", "float('nan')"]
LEAVES = st.sampled_from(["i", "i", "a", "b", "c", "a", "b", "values[i % 4]", *INTS, *FLOATS])
OPERATORS = ["+", "-", "*", "/", "//", "%", "&", "|", "^", "+", "-", "*"]
COMPARISONS = ["<", "<=", "==", "!=", ">", ">="]


def extend(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Larger expressions from smaller ones."""
    return st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(OPERATORS), inner),
        st.builds("({} {} {})".format, inner, st.sampled_from(COMPARISONS), inner),
        st.builds("({} if {} else {})".format, inner, inner, inner),
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("(-{})".format, inner),
        st.builds("(not {})".format, inner),
        st.builds("({} << ({} & 15))".format, inner, st.just("i")),
        st.builds("({} >> 3)".format, inner),
        st.builds("({} ** 2)".format, inner),
        st.builds("abs({})".format, inner),
        st.builds("min({}, {})".format, inner, inner),
        st.builds("int({})".format, inner),
        st.builds("float({})".format, inner),
        st.builds("helper({}, {})".format, inner, inner),
        st.builds("({0}, {1})[i & 1]".format, inner, inner),
        st.builds("point.x + {}".format, inner),
    )


EXPRESSIONS = st.recursive(LEAVES, extend, max_leaves=6)
STATEMENTS = st.one_of(
    st.builds("{} = small({})".format, st.sampled_from("abc"), EXPRESSIONS),
    st.builds("{} = small({})".format, st.sampled_from("abc"), EXPRESSIONS),
    st.builds("if {}: {} = small({})".format, EXPRESSIONS, st.sampled_from("abc"), EXPRESSIONS),
    st.builds("values[i % 4] = small({})".format, EXPRESSIONS),
    st.builds("point.x = small({})".format, EXPRESSIONS),
    st.builds("a, b = b, small({})".format, EXPRESSIONS),
    st.builds("if i % 7 == {}: continue".format, st.integers(0, 6)),
    st.builds("for j in range({}): c = small(c + j)".format, st.integers(0, 4)),
)
BODIES = st.lists(STATEMENTS, min_size=1, max_size=5)

PROGRAM = """
import traceback

class Point:
    def __init__(self):
        self.x = 1

def helper(x, y):
    return x - y if x > y else y

def small(x):
    # Keeps numbers from growing without end.
    if x > 10**40:
        return 1
    if x < -(10**40):
        return -1
    return x
"""
FUNCTION = """
def loop_{number}(n, a, b, c):
    values = [1, -2.5, 3, True]
    point = Point()
    errors = 0
    for i in range(n):
        try:
{body}
        except (ArithmeticError, TypeError, ValueError, IndexError) as error:
            errors += 1
            a = i
            b = 1
            last = traceback.format_exc()
    return a, b, c, values, point.x, errors, last if errors else None

for start in ((1, 2, 3), (0.5, -1, 2**65), (True, 1.0, -7)):
    print({number}, loop_{number}(150, *start), loop_{number}(40, *start))
"""


def program(bodies: list[list[str]]) -> str:
    """All loops as one program."""
    text = PROGRAM
    for number, body in enumerate(bodies):
        text += FUNCTION.format(number=number, body="\n".join(" " * 12 + line for line in body))
    return text


def check(text: str, ways: list[Mapping[str, str]]) -> None:
    """The same output with and without decal, and no mistake of decal's own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "random_program.py"
        path.write_text(text, encoding="utf-8")
        quiet = {"PYTHONWARNINGS": "ignore"}
        expected = run_program(path, {**WAYS["plain"], **quiet})
        assert expected.status == 0, expected.stderr
        for way in ways:
            outcome = run_program(path, {**way, **quiet})
            assert outcome.visible == expected.visible, f"{way} {outcome.stderr[-2000:]}"
            assert "internal:" not in outcome.stderr, f"{way} {outcome.stderr[-3000:]}"


TRIES = int(os.environ.get("DECAL_TEST_PROGRAMS", "0"))
# Not hypothesis's own way of repeating: the gate must give the same answer each time.
SETTINGS = settings(
    max_examples=TRIES or 12,
    deadline=None,
    derandomize=TRIES == 0,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)


@pytest.mark.parametrize("way", ["native-hot", "interpreter-hot"])
@SETTINGS
@given(bodies=st.lists(BODIES, min_size=6, max_size=16))
def test_random_loops(way: str, bodies: list[list[str]]) -> None:
    """Expressions, in one loop."""
    check(program(bodies), [WAYS[way]])


@pytest.mark.parametrize("first", range(0, TRIES or 40, 10))
def test_random_programs(first: int) -> None:
    """Nested loops and all the rest."""
    for seed in range(first, first + 10):
        second = WAYS["interpreter-hot" if seed % 2 else "unoptimized-hot"]
        stress = [f"hot,registers:{seed}", f"hot,guards:{seed * 7 % 60}"]
        ways = [WAYS["native-hot"], second, *({"DECAL_STRESS": way} for way in stress)]
        check(generate.program(random.Random(seed), 20), ways)


@pytest.mark.parametrize("first", range(0, TRIES or 12, 4))
def test_random_objects(first: int) -> None:
    """Objects, and calls that change what traces take for granted."""
    for seed in range(first, first + 4):
        second = WAYS["interpreter-hot" if seed % 2 else "unoptimized-hot"]
        stress = [f"hot,registers:{seed}", f"hot,guards:{seed * 7 % 60}"]
        ways = [WAYS["native-hot"], second, *({"DECAL_STRESS": way} for way in stress)]
        check(generate_objects.program(seed, 12), ways)


def test_exception_out_of_a_whole_call() -> None:
    """A call that is seen inside, is left to CPython, and raises: its handler wants another stack of that depth."""
    check(generate_objects.program(9, 12), [{"DECAL_STRESS": f"hot,dice:{seed}"} for seed in (1, 2, 3)])


def test_fuzz(tmp_path: Path) -> None:
    """A few hundred of the small programs that `cargo xtask fuzz` tries."""
    words = ["--seed", "1", "--programs", str(TRIES or 400), "--seconds", "280", "--size", "200", "--jobs", "2"]
    outcome = python(str(HERE / "fuzz.py"), *words, "--out", str(tmp_path), timeout=580)
    assert outcome.status == 0, outcome.stdout[-6000:] + outcome.stderr[-3000:]
