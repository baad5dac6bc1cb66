"""Random expressions in loops: hypothesis makes them, CPython knows the answers."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from conftest import WAYS, run_program
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


@pytest.mark.parametrize("way", ["native-hot", "interpreter-hot"])
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)
@given(bodies=st.lists(BODIES, min_size=6, max_size=16))
def test_random_loops(way: str, bodies: list[list[str]]) -> None:
    """The same output with and without decal."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "random_program.py"
        path.write_text(program(bodies), encoding="utf-8")
        expected = run_program(path, WAYS["plain"])
        assert expected.status == 0, expected.stderr
        outcome = run_program(path, WAYS[way])
        assert outcome.visible == expected.visible, outcome.stderr[-2000:]
