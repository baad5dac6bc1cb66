"""Whatever decal is given, it declines or does what it should: code objects with rubbish in them, odd variables."""

from __future__ import annotations

import pytest
from conftest import WAYS, python

# The rubbish stands where the program never comes, so that CPython never runs it; decal looks at all of a code object.
# Behind it are enough good instructions that nothing reads beyond the end, and among it are none that CPython makes
# itself for tools, which have data elsewhere. Some may need more of the stack than there is, or lead out of the code.
RUBBISH = """
import dis, opcode, random, sys
import decal

SOURCE = '''
def work(n, never):
    total = 0
    for i in range(n):
        total += i * 3 % 7
        if never:
            a = b = c = i; a, b = c, a; a = (a, b, c); b = [a, c]; c = {1: a}; a = b[0]; c = a + b; d = c
            total += 1
    if never:
        a = b = c = n; a, b = c, a; a = (a, b, c); b = [a, c]; c = {1: a}; a = b[0]; c = a + b; d = c
        for a in b: c = a
        total += 1
    return total
'''
names = {}
exec(compile(SOURCE, "rubbish.py", "exec"), names)
CODE = names["work"].__code__
EXPECTED = names["work"](60, False)
known = [number for name, number in opcode.opmap.items() if number < 236 and name not in ("ENTER_EXECUTOR", "RESERVED")]
lines = SOURCE.splitlines()
spots = []
for line, text in enumerate(lines, 1):
    if "a = b = c" in text:
        where = [at for at in dis.get_instructions(CODE) if at.line_number == line]
        spots.append((where[0].offset, where[-1].offset))
assert all(end - start > 40 for start, end in spots), spots

def spoiled(chance):
    code = bytearray(CODE.co_code)
    for start, end in spots:
        kind = chance.randrange(4)
        for at in range(start, end, 2):
            if kind == 3 or chance.random() < 0.3:
                code[at] = chance.choice(known)
                code[at + 1] = chance.choice((0, 1, 255, chance.randrange(256)))
            elif kind == 2:
                code[at + 1] = chance.randrange(256)
    more = {}
    if chance.random() < 0.3:
        more["co_exceptiontable"] = chance.randbytes(chance.randrange(40))
    if chance.random() < 0.3:
        more["co_stacksize"] = CODE.co_stacksize + chance.randrange(2000)
    if chance.random() < 0.2:
        more["co_linetable"] = chance.randbytes(chance.randrange(80))
    if chance.random() < 0.2:
        more["co_varnames"] = ("n",) * len(CODE.co_varnames)
    return CODE.replace(co_code=bytes(code), **more)

right = traces = declined = 0
for seed in range(SEEDS):
    chance = random.Random(seed)
    def work(n, never): ...
    work.__code__ = spoiled(chance)
    decal.enable()
    if seed % 3 == 0:
        work = decal.jit(work)
    results = {work(60, False) for _ in range(4)}
    assert results == {EXPECTED}, (seed, results)
    right += 1
    declined += "its bytecode is not what a compiler makes" in decal.explain(work)
    for show in (decal.traces, decal.disassemble):
        show(work)
    stats = decal.stats()
    assert not any("internal" in name for name in stats), (seed, stats)
    traces += stats["traces"]
    decal.disable()
print(right, traces > 0, declined > 100)
"""


@pytest.mark.parametrize("way", ["native-hot", "interpreter-hot", "unoptimized-hot"])
def test_code_with_rubbish_in_it(way: str) -> None:
    """Hundreds of code objects with impossible jumps, operands, stacks and tables."""
    source = RUBBISH.replace("SEEDS", "300")
    outcome = python("-X", "faulthandler", "-c", source, switches=WAYS[way])
    assert outcome.status == 0, outcome.stdout + outcome.stderr[-3000:]
    assert outcome.stdout == "300 True True\n"
    assert "panicked" not in outcome.stderr


VARIABLES = """
import os, random
import decal

NAMES = ("JIT", "OPTIMIZE", "DEBUG", "PERF", "COUNT", "MEMORY", "VERIFY", "STRESS")
PIECES = (
    b"hot", b"guards", b":", b",", b"0", b"1", b"-1", b"18446744073709551616", b"interpreter", b"\\xff", b" ", b"K",
    b"without", b"fold", b"abandon", b"\\xc3\\xa4", b"1e9", b"map", b"=", b"raising", b"waits", b"twice", b"A" * 5000,
)
refused = taken = 0
for seed in range(400):
    chance = random.Random(seed)
    for name in NAMES:
        os.environ.pop(f"DECAL_{name}", None)
    for name in chance.sample(NAMES, chance.randrange(1, 3)):
        value = b"".join(chance.choices(PIECES, k=chance.randrange(5)))
        # A folder for reports would be one.
        os.environb[b"DECAL_" + name.encode()] = value.replace(b"/", b"")
    try:
        decal.enable()
        taken += 1
    except ValueError as error:
        assert "is not known; use one of" in str(error), error
        refused += 1
    assert sum(i * i for i in range(3000)) == 8995500500
    decal.disable()
print(refused > 200, taken > 50, refused + taken)
"""


def test_odd_variables() -> None:
    """A value is taken, or refused with an error that says so."""
    outcome = python("-X", "faulthandler", "-c", VARIABLES)
    assert outcome.status == 0, outcome.stdout + outcome.stderr[-3000:]
    assert outcome.stdout == "True True 400\n"
