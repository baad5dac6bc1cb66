"""Every reason for not compiling: a program that yields it, and the words that the user reads.

All programs run in one process with the thresholds at their lowest, so that each loop is tried until it is given up.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from conftest import HERE, python

SETUP = """
import math, sys, types
class Thing:
    constant = 3
    def __init__(self):
        self.x = 1
    def method(self):
        return self.x
    @property
    def prop(self):
        return 1
class Own:
    def __getattr__(self, name):
        return 1
class Truthy:
    def __bool__(self):
        return True
class Callable:
    def __call__(self):
        return 1
def default(x, y=1):
    return x + y
def keyword(x, *, y=1):
    return x
def rest(*args):
    return 1
def generator():
    yield 1
def deep(n):
    return 0 if n == 0 else deep(n - 1) + 1
"""
LONG = "\n".join(["        x = x + i", "        x = x - i"] * 800)


def loop(body: str, before: str = "pass") -> str:
    """A function with one loop that runs `body`."""
    lines = "".join(f"        {line}\n" for line in body.splitlines())
    return f"def f(n):\n    thing = Thing()\n    {before}\n    for i in range(n):\n{lines}"


# What the loop does, and what `explain` must say of it.
CASES: dict[str, tuple[str, str]] = {
    "too long": (f"def f(n):\n    x = 0\n    for i in range(n):\n{LONG}\n", "one pass has too many instructions"),
    "left by an exception": (
        # One backward jump for each call: whenever a pass is observed from there, it leaves.
        "def g(k):\n    i = 0\n    while True:\n        i += 1\n        i // (k - i)\n"
        "def f(n):\n    for i in range(n):\n        try:\n            g(2)\n        except ZeroDivisionError: pass\n"
        "explained = g\n",
        "the loop was left while it was observed",
    ),
    "loop of a generator": (
        # It runs on behalf of a C function.
        "def g(n):\n    for i in range(n): yield i\n"
        "def f(n):\n    for i in range(9): dict.fromkeys(g(n))\n"
        "explained = g\n",
        "a generator's loop that yields is compiled where it is used",
    ),
    # ---- instructions
    "comprehension": (loop("[j for j in ()]"), "instruction LOAD_FAST_AND_CLEAR (a comprehension)"),
    "del": (loop("y = i\ndel y"), "instruction DELETE_FAST (del)"),
    "new list": (loop("y = [i]"), "instruction BUILD_LIST (a new list)"),
    "slice stored with a step": (
        loop("t[::2] = u", "t = [1, 2]; u = [1]"),
        "instruction BUILD_SLICE (a slice that is an object)",
    ),
    "slice of a range": (loop("y = t[i:5]", "t = range(3)"), "indexing with these types is not compiled yet"),
    "slice by other objects": (
        "class I:\n    def __index__(self): return 1\n" + loop("y = t[k:5]", "t = [1, 2, 3]; k = I()"),
        "indexing with these types is not compiled yet",
    ),
    "slice stored from a string": (
        loop("t[0:1] = 'a'", "t = [1, 2]"),
        "storing an item with these types is not compiled yet",
    ),
    "pop by another object": (
        "class I:\n    def __index__(self): return 0\n" + loop("t.append(i)\nt.pop(k)", "t = []; k = I()"),
        "call not compiled yet: a list's method with these arguments",
    ),
    "unbound local": (
        loop("try:\n    y\nexcept UnboundLocalError:\n    pass\nif n < 0:\n    y = 1"),
        "instruction LOAD_FAST_CHECK of an unbound local",
    ),
    "dict display": (loop("y = {i: 1}"), "instruction BUILD_MAP"),
    "f-string": (loop("y = f'{i}'"), "instruction FORMAT_SIMPLE"),
    "keyword argument": (loop("y = keyword(i, y=2)"), "instruction CALL_KW"),
    "starred argument": (loop("y = rest(*t)", "t = (1,)"), "instruction CALL_FUNCTION_EX"),
    "function made": (loop("y = lambda: 1"), "instruction MAKE_FUNCTION"),
    "raise": (
        loop("try:\n    raise ValueError\nexcept ValueError:\n    pass"),
        "the loop was left while it was observed",
    ),
    "import": (loop("import math"), "instruction IMPORT_NAME"),
    "global stored": (loop("global G\nG = i"), "instruction STORE_GLOBAL"),
    "with": (
        "import contextlib\n" + loop("with c:\n    pass", "c = contextlib.nullcontext()"),
        "instruction BEFORE_WITH",
    ),
    # ---- operators
    "text added": (loop("y = s + 'b'", "s = 'a'"), "operator + on these types"),
    "complex negated": (loop("y = -z", "z = 1j"), "operator - on these types"),
    "list repeated": (loop("y = t * 2", "t = [1]"), "operator * on these types"),
    "sets compared": (loop("y = a < b", "a = {1}; b = {1, 2}"), "operator comparison on these types"),
    "matrix product": (
        "class M:\n    def __matmul__(self, other): return 1\n" + loop("y = m @ m", "m = M()"),
        "operator @ on these types",
    ),
    "negative power": (loop("y = 2 ** -1 if i < 0 else k ** -2", "k = 3"), "operator ** on these types"),
    "truth of an object": (loop("if t: y = 1", "t = Truthy()"), "the truth of a value of this type"),
    # ---- containers
    "dict read": (loop("y = d[1]", "d = {1: 2}"), "indexing with these types"),
    "text read": (loop("y = s[0]", "s = 'abc'"), "indexing with these types"),
    "dict written": (loop("d[1] = i", "d = {1: 2}"), "storing an item with these types"),
    "text unpacked": (loop("a, b = s", "s = 'ab'"), "unpacking of this type"),
    "dict unpacked": (loop("a, b = d", "d = {1: 2, 3: 4}"), "unpacking of this type"),
    "in a list": (loop("y = i in t", "t = [1, 2]"), "this membership test"),
    "in many": (loop("y = i in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)"), "this membership test"),
    "text in a tuple": (loop("y = s in ('a', 'b')", "s = 'a'"), "this membership test"),
    "loop over text": (loop("for c in s: pass", "s = 'ab'"), "a loop over this type"),
    "loop over a dict": (loop("for c in d: pass", "d = {1: 2}"), "a loop over this type"),
    # ---- names
    "no such global": (
        loop("try:\n    NOWHERE\nexcept NameError:\n    pass"),
        "a global name changes too often",
    ),
    "empty cell": (
        "def outer():\n    def f(n):\n        for i in range(n):\n            try:\n                cell\n"
        "            except NameError: pass\n    if not f: cell = 1\n    return f\nf = outer()\n",
        "a closure's variable is empty",
    ),
    "new attribute": (
        loop("t = things[i]\nt.new = 1", "things = [Thing() for _ in range(n)]"),
        "attribute not compiled yet: a new attribute",
    ),
    "missing attribute": (
        loop("try:\n    thing.nothing\nexcept AttributeError:\n    pass"),
        "attribute not compiled yet: an attribute that is not there",
    ),
    "property": (loop("y = thing.prop"), "attribute not compiled yet: a property"),
    "own lookup": (loop("y = own.anything", "own = Own()"), "attribute not compiled yet: an attribute"),
    "class constant": (loop("y = thing.constant"), "attribute not compiled yet: a class's constant read through an"),
    "bound method kept": (loop("y = thing.method"), "attribute not compiled yet: a bound method"),
    # ---- calls
    "class called": (loop("y = Thing()"), "call not compiled yet: a class, to make an instance"),
    "builtin not known": (loop("y = sorted(t)", "t = (1,)"), "call not compiled yet: a builtin function"),
    "method of a list": (loop("t.reverse()", "t = [1]"), "call not compiled yet: a builtin function"),
    "method made of a builtin": (
        loop("m()", "m = types.MethodType(len, [])"),
        "call not compiled yet: a method that is no Python function",
    ),
    "own cells": (
        "def g(x):\n    def h(): return x\n    return h()\n" + loop("y = g(i)"),
        "call not compiled yet: it shares variables with a function inside of it",
    ),
    "object called": (loop("y = c()", "c = Callable()"), "call not compiled yet: an object that is no function"),
    "defaults needed": (loop("y = default(i)"), "call not compiled yet: a function whose default arguments"),
    "keyword-only": (loop("y = keyword(i)"), "call not compiled yet"),
    "any arguments": (loop("y = rest(i)"), "call not compiled yet"),
    "generator called": (loop("y = generator()"), "call not compiled yet"),
    "bound method called": (loop("y = m()", "m = thing.method"), "call not compiled yet"),
    "wrong arguments": (loop("try:\n    default()\nexcept TypeError:\n    pass"), "call not compiled yet"),
    "length of a dict": (loop("y = len(d)", "d = {}"), "call not compiled yet: len() of this type"),
    "int of text": (loop("y = int(s)", "s = '5'"), "call not compiled yet: int() of this type"),
    "float of text": (loop("y = float(s)", "s = '5'"), "call not compiled yet: float() of this type"),
    "round of an int": (loop("y = round(i)"), "call not compiled yet: round() of this type"),
    "abs of a complex": (loop("y = abs(z)", "z = 1j"), "call not compiled yet: abs() of this type"),
    "min of mixed": (loop("y = min(i, 2.5)"), "call not compiled yet: min() or max() of these types"),
    "math of text": (
        loop("try:\n    math.sqrt(s)\nexcept TypeError:\n    pass", "s = 'x'"),
        "call not compiled yet: a math function of this type",
    ),
    "range kept": (loop("y = range(i)"), "call not compiled yet: range() that is not looped over at once"),
    "range of a huge number": (
        loop("for j in range(k, k): pass", "k = 2 ** 70"),
        "call not compiled yet: range() of this type",
    ),
    "recursion": (loop("y = deep(40)"), "call not compiled yet: recursion that is deeper than traces follow"),
    "deep calls": (
        "".join(f"def c{k}(x): return c{k + 1}(x)\n" for k in range(20)) + "def c20(x): return x\n" + loop("y = c0(i)"),
        "call not compiled yet: calls within calls, deeper than traces follow",
    ),
}

# Reasons that no program reaches, each for a reason of its own.
UNREACHED = {
    "Empty": "observing starts with an event",
    "TooDeep": "calls as deep are not observed: see the cases of deep calls",
    "Inconsistent": "decal's own mistakes",
    "Exit": "snapshots name only what the trace knows",
    "Stack": "CPython's compiler gives loops a stack of constant kinds",
    "Handler": "CPython's compiler puts a loop's head and its body under the same handlers or more",
    "Again": "the recorder's word to itself",
    "Unstable": "a store into a local is put off until it fits",
}

# Where the loop raises in each turn before it comes to what is not compiled: what is said of it now.
SAID = {
    "unbound local": "the loop was left while it was observed",
    "empty cell": "the loop was left while it was observed",
}

# Programs that were not compiled once, and are now: by a fast form, or through CPython, which may raise in each turn.
COMPILED = (
    "raise",
    "no such global",
    "missing attribute",
    "wrong arguments",
    "math of text",
    "comprehension",
    "matrix product",
    "truth of an object",
    "range of a huge number",
    "del",
    "new list",
    "slice of a range",
    "slice by other objects",
    "slice stored from a string",
    "pop by another object",
    "dict display",
    "f-string",
    "keyword argument",
    "starred argument",
    "function made",
    "global stored",
    "with",
    "text added",
    "list repeated",
    "dict read",
    "text read",
    "dict written",
    "in a list",
    "in many",
    "text in a tuple",
    "loop over text",
    "loop over a dict",
    "new attribute",
    "property",
    "own lookup",
    "class constant",
    "bound method kept",
    "class called",
    "builtin not known",
    "method of a list",
    "method made of a builtin",
    "own cells",
    "object called",
    "defaults needed",
    "keyword-only",
    "any arguments",
    "generator called",
    "bound method called",
    "length of a dict",
    "int of text",
    "float of text",
    "round of an int",
    "abs of a complex",
    "min of mixed",
    "range kept",
    "recursion",
    "deep calls",
)

RUNNER = """
import json, sys, traceback, decal
decal.enable()
setup, cases = json.load(sys.stdin)
for name, (source, _) in cases.items():
    names = {"__name__": "case"}
    exec(compile(setup, "setup", "exec"), names)
    exec(compile(source, name, "exec"), names)
    explained = names.get("explained", names["f"])
    problem = None
    try:
        names["f"](400)
    except Exception:
        problem = traceback.format_exc()
    print(json.dumps([name, decal.explain(explained), problem]))
print(json.dumps(["stats", decal.stats(), None]))
"""


@pytest.fixture(scope="module")
def explained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """For each case, what `explain` says."""
    folder = tmp_path_factory.mktemp("aborts")
    runner = folder / "runner.py"
    cases = json.dumps([SETUP, CASES])
    runner.write_text(RUNNER.replace("json.load(sys.stdin)", f"json.loads({cases!r})"))
    outcome = python(str(runner), switches={"DECAL_JIT": "1", "DECAL_STRESS": "hot"})
    assert outcome.status == 0, outcome.stderr[-3000:]
    result = {}
    for line in outcome.stdout.splitlines():
        name, text, problem = json.loads(line)
        assert problem is None, f"{name}: {problem}"
        result[name] = text
    return result


@pytest.mark.parametrize("name", COMPILED)
def test_compiled(explained: dict[str, object], name: str) -> None:
    """Nothing speaks against it any more."""
    assert "compiled to " in str(explained[name])


@pytest.mark.parametrize("name", [name for name in CASES if name not in COMPILED])
def test_reason(explained: dict[str, object], name: str) -> None:
    """The loop's report has the words."""
    assert SAID.get(name, CASES[name][1]) in str(explained[name])


def test_reasons_are_counted(explained: dict[str, object]) -> None:
    """Each is in the statistics too."""
    stats = explained["stats"]
    assert isinstance(stats, dict)
    counted = " ".join(name for name in stats if name.startswith("abort: "))
    assert CASES["too long"][1] in counted, counted


def test_all_reasons_have_a_program() -> None:
    """Against the source, where the tests run next to it: a new reason needs a program or an explanation."""
    source = HERE.parent / "crates" / "trace" / "src" / "record" / "abort.rs"
    if not source.exists():
        pytest.skip("the source is not here")
    texts = reasons(source)
    assert len(texts) > 15
    wanted = [expected for _, expected in CASES.values()]
    for reason, words in texts.items():
        reached = any(re.search(words, text) for text in wanted) or reason in UNREACHED
        assert reached, f"{reason} has no program"


def reasons(source: Path) -> dict[str, str]:
    """From the source: each reason's name and a pattern for the first words of its text."""
    found = re.findall(r'AbortReason::(\w+)(?:\(\w+\))? => (?:f\.write_str\(|write!\(f, )"([^"]*)"', source.read_text())
    patterns = {}
    for name, text in found:
        parts = re.split(r"\{\w+\}", text)
        patterns[name] = ".+".join(re.escape(part.removesuffix(" is not compiled yet")) for part in parts).removesuffix(
            ".+"
        )
    return patterns
