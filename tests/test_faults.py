"""Faults: memory that is refused, passes that are given up, traces that become invalid, hooks that say no.

Whatever goes wrong, a program prints what it prints in CPython, or sees the exception that it would see there.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import textwrap
import warnings
from pathlib import Path

import fuzz
import pytest
from conftest import HERE, Outcome, python

# Many programs in one process, each with the next fault: a few hundred runs in seconds.
PROGRAMS = [("flow", 101), ("objects", 102), ("numbers", 103), ("flow", 104)]
FAULTS = {
    "abandon": [f"hot,abandon:{number}" for number in range(40)],
    "alloc": [f"hot,alloc:{number}" for number in range(24)],
    "invalidate": [f"hot,invalidate:{number}" for number in range(12)],
    "guards": [f"hot,guards:{number}" for number in range(40)],
    "registers": [f"hot,registers:{number}" for number in range(12)],
    "without": [f"hot,without:{part}" for part in fuzz.PARTS],
    "rewrites": [f"hot,rewrites:{number}" for number in (0, 1, 3, 10, 30, 100, 300)],
    "traces": [f"hot,traces:{number}" for number in (0, 1, 3, 10, 30)],
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_in_turn(fault: str) -> None:
    """Every number of a fault, each alone."""
    ways = [{"DECAL_STRESS": switches} for switches in FAULTS[fault]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        items = [(fuzz.KINDS[kind](1, number), ways) for kind, number in PROGRAMS]
        failures = fuzz.run_batch(items)
    assert not failures, failures[0]


def run(source: str, switches: dict[str, str] | None = None) -> Outcome:
    """Runs the text as a program."""
    outcome = python("-X", "faulthandler", "-c", textwrap.dedent(source), switches=switches)
    assert outcome.status == 0, outcome.stdout + outcome.stderr
    assert "internal:" not in outcome.stderr
    return outcome


SUM = """
import decal, sys

def total(n):
    s = 0
    for i in range(n):
        s += i * i
    return s
"""

NO_MEMORY = """
import gc, sys
import _testcapi
import decal

class Point:
    def __init__(self, v):
        self.v = v
    def add(self, k):
        return self.v + k

def numbers(n):
    for i in range(n):
        yield i, i * 0.5

def step(a, b=2, *rest):
    return a * b, rest

SHARED = object()

def work(n):
    total, items, names = 0.5, [], {}
    for i in range(n):
        total = total * 1.5 + i
        p = Point(i)
        items.append((i, total, SHARED))
        names[i] = f"{i}-{total}"
        a, b = step(i + 2**40, 3, p)
        total += p.add(2) + b[0].v
        for x, y in numbers(2):
            total += x + y
        items[i // 2] = [a, SHARED]
    return total, len(items), len(names), names[n - 1], items[-1][0]

expected = work(12)
# The functions that allocate are those of the hook from the start: decal steps aside where they change.
_testcapi.set_nomemory(1 << 30)
assert decal.enable()
for _ in range(6):
    work(12)
before, failed, right, number = sys.getrefcount(SHARED), 0, 0, 0
while right < 3 and number < 5000:
    gc.collect()
    _testcapi.set_nomemory(number, number + 1)
    try:
        got = work(12)
    except MemoryError:
        got = None
    _testcapi.remove_mem_hooks()
    if got is None:
        failed += 1
    else:
        right += 1
        assert got == expected, (number, got, expected)
    got = None
    number += 1
gc.collect()
stats = decal.stats()
print(right, failed > 50, sys.getrefcount(SHARED) - before, stats["traces"] > 0, stats["entries"] > 100)
"""


@pytest.mark.skipif(importlib.util.find_spec("_testcapi") is None, reason="this Python comes without _testcapi")
@pytest.mark.parametrize("jit", ["1", "interpreter"])
def test_no_memory_at_every_allocation(jit: str) -> None:
    """Each allocation of CPython's heap fails in turn: a `MemoryError` and nothing else, and no reference is lost."""
    assert run(NO_MEMORY, {"DECAL_STRESS": "hot", "DECAL_JIT": jit}).stdout == "3 True 0 True True\n"


def test_a_collection_at_every_allocation() -> None:
    """The collector runs whenever something was allocated, as far as CPython lets it."""
    outcome = run(
        """
        import decal, gc
        gc.set_threshold(1, 1, 1)
        decal.enable()

        class Node:
            def __init__(self, value):
                self.value, self.me = value, self

        def work(n):
            kept = []
            for i in range(n):
                node = Node(i)
                kept.append([node, (i, node.value)])
                kept = kept[-3:]
                pair = [*(x for x in (i, 2.5))]
            return [item[1] for item in kept], pair

        for _ in range(4):
            got = work(60)
        print(got, decal.stats()["traces"] > 0)
        """,
        {"DECAL_STRESS": "hot"},
    )
    assert outcome.stdout == "([(57, 57), (58, 58), (59, 59)], [59, 2.5]) True\n"


MANY = (
    SUM
    + """
names = {}
text = "def loop_N(n):\\n    s = N\\n    for i in range(n):\\n        s += i * N\\n    return s"
for number in range(60):
    exec(text.replace("N", str(number)), names)
expected = [names[f"loop_{number}"](50) for number in range(60)]
decal.enable()
for _ in range(3):
    assert [names[f"loop_{number}"](50) for number in range(60)] == expected
stats = decal.stats()
"""
)


def test_the_limit_is_kept() -> None:
    """Cold traces are freed where the limit is reached."""
    source = (
        MANY + 'print(stats["memory_bytes"] < 40 << 10, stats["freed_for_room"] > 20, stats["code_bytes"] < 40 << 10)'
    )
    assert run(source, {"DECAL_STRESS": "hot", "DECAL_MEMORY": "40K"}).stdout == "True True True\n"
    source = MANY + 'print(stats["memory_bytes"] > 40 << 10, stats["freed_for_room"])'
    assert run(source, {"DECAL_STRESS": "hot"}).stdout == "True 0\n"


def test_without_any_room_nothing_is_compiled_and_the_reason_is_said() -> None:
    source = SUM + 'decal.enable()\nprint(total(3000), decal.stats()["traces"])\nprint(decal.explain(total))'
    outcome = run(source, {"DECAL_MEMORY": "0"})
    assert outcome.stdout.startswith("8995500500 0\n")
    assert "traces have all the memory that they may (DECAL_MEMORY)" in outcome.stdout


def test_hooks_are_asked_before_code_is_made_executable() -> None:
    outcome = run(
        SUM
        + """
seen = []
sys.addaudithook(lambda event, words: seen.append(words) if event == "decal.make_executable" else None)
decal.enable()
print(total(3000), decal.stats()["code_bytes"] > 0, seen)
"""
    )
    assert outcome.stdout == "8995500500 True [('total', '<string>')]\n"


def test_a_hook_that_raises_is_obeyed() -> None:
    outcome = run(
        SUM
        + """
def hook(event, words):
    if event == "decal.make_executable":
        raise PermissionError("not here")

sys.addaudithook(hook)
decal.enable()
print(total(3000), decal.stats()["code_bytes"])
print(decal.explain(total))
"""
    )
    assert outcome.stdout.startswith("8995500500 0\n")
    assert "an audit hook denies machine code: PermissionError: not here" in outcome.stdout


def test_a_hook_may_do_anything() -> None:
    """It runs hot loops, redefines what is being compiled, collects, and switches decal off."""
    outcome = run(
        """
        import decal, gc, sys
        LIMIT = 3

        def inner(n):
            return sum(i * i for i in range(n))

        def total(n):
            s = 0
            for i in range(n):
                s += i * LIMIT
            return s

        def hook(event, words):
            global LIMIT
            if event == "decal.make_executable":
                LIMIT += 1
                inner(50)
                gc.collect()
                if LIMIT % 5 == 0:
                    decal.disable()

        sys.addaudithook(hook)
        for _ in range(20):
            decal.enable()
            before = LIMIT
            got = total(40)
            if LIMIT == before:
                assert got == 780 * LIMIT, (got, LIMIT)
        print(LIMIT > 6)
        """,
        {"DECAL_STRESS": "hot"},
    )
    assert outcome.stdout == "True\n"


MAPS = """
rights = [line.split()[1] for line in open("/proc/self/maps")]
print(any("w" in right and "x" in right for right in rights))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a Linux kernel's switch")
def test_where_making_memory_executable_is_denied() -> None:
    """PR_SET_MDWE: memory that was writable cannot be made executable. decal maps it twice instead."""
    outcome = run(
        SUM
        + """
import ctypes
if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0) != 0:
    print("not known")
else:
    decal.enable()
    print(total(3000), decal.stats()["code_bytes"] > 0, "mapped twice" in decal.status())
"""
        + textwrap.indent(MAPS, "    ")
    )
    if outcome.stdout == "not known\n":
        pytest.skip("this kernel has no PR_SET_MDWE")
    assert outcome.stdout == "8995500500 True True\nFalse\n"


def test_nothing_is_writable_and_executable() -> None:
    assert run(SUM + "decal.enable()\nprint(total(3000))" + MAPS).stdout == "8995500500\nFalse\n"


@pytest.mark.skipif(sys.platform != "linux", reason="a limit of Linux")
def test_where_there_is_no_memory_for_code() -> None:
    outcome = run(
        SUM
        + """
import resource
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (24 << 20), -1))
print(decal.enable(), decal.status())
print(total(3000), decal.stats()["code_bytes"])
"""
    )
    assert "because no memory for code" in outcome.stdout
    assert outcome.stdout.endswith("8995500500 0\n")


def test_soak() -> None:
    """A few seconds of `cargo xtask soak`."""
    seconds = os.environ.get("DECAL_TEST_SOAK", "6")
    outcome = python(str(Path(HERE) / "soak.py"), "--seconds", seconds, "--warm", "24", timeout=300 + float(seconds))
    assert outcome.status == 0, outcome.stdout + outcome.stderr
