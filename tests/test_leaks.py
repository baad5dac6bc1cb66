"""Nothing leaks: a program that runs again and again in one process leaves as much behind as it does without decal.

Twice: with the same code objects, so that later runs are in traces for the most part; and compiled from its source each
time, so that all that decal knows of the earlier functions and classes must go with them.
"""

from __future__ import annotations

import functools
import json

import pytest
from conftest import PROGRAMS, python

# These wait, or leave different things behind each time without decal too.
OTHER = {"chains", "common", "recursive", "interruption", "introspection", "limits_in_calls", "traced_in_calls"}
# These register tools and hooks, which they can do once.
OTHER |= {"instruction_events_again", "identities"}
NAMES = sorted(path.stem for path in PROGRAMS.glob("*.py") if path.stem not in OTHER)
# Blocks in four runs. A reference lost in a loop, or a class kept alive, are many more.
TOLERANCE = 300

RUN = """
import contextlib, gc, io, json, os, sys
path, fresh = sys.argv[1], sys.argv[2] == "fresh"
sys.path.insert(0, os.path.dirname(path))
import decal
decal.enable()
with open(path) as file:
    text = file.read()
code = compile(text, path, "exec")
counts = []
for _ in range(7):
    with contextlib.redirect_stdout(io.StringIO()):
        names = {"__name__": "__main__", "__builtins__": __builtins__}
        exec(compile(text, path, "exec") if fresh else code, names)
    del names
    gc.collect()
    gc.collect()
    counts.append(sys.getallocatedblocks())
print(json.dumps([counts, decal.stats().get("traces", 0)]))
"""


@functools.cache
def growth(name: str, mode: str, jit: str) -> tuple[int, int]:
    """Blocks that four runs left behind, and traces compiled."""
    switches = {"DECAL_JIT": jit, "DECAL_STRESS": "hot", "PYTHONWARNINGS": "ignore"}
    outcome = python("-c", RUN, str(PROGRAMS / f"{name}.py"), mode, switches=switches)
    assert outcome.status == 0, outcome.stderr[-2000:]
    counts, traces = json.loads(outcome.stdout.splitlines()[-1])
    return counts[6] - counts[2], traces


@pytest.mark.parametrize("mode", ["same", "fresh"])
@pytest.mark.parametrize("name", NAMES)
def test_blocks(name: str, mode: str) -> None:
    """Allocated blocks grow as they do without decal."""
    plain, none = growth(name, mode, "0")
    blocks, traces = growth(name, mode, "1")
    assert none == 0
    assert traces > 0
    assert blocks <= plain + TOLERANCE, f"{blocks} blocks more after four runs, {plain} without decal"
