"""What is called fast is fast: loops over these statements are compiled, and nothing in them goes through CPython.

A wrong result is found by comparing; a form that is no longer recognized gives the right result, slowly. So each
statement here has a form of its own in traces, and `decal.explain` would say if it had not. A statement that gets one
is added to the table.
"""

from __future__ import annotations

import functools
import json

import pytest
from conftest import python

SETUP = """
import contextlib, enum, functools, heapq, math, operator, re, sys
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple

N = 400
xs = [(i * 7919) % 100 for i in range(N)]
fs = [float(i) for i in xs]
ws = ("the quick brown fox jumps over the lazy dog".split() * N)[:N]
ts = [(i, i + 1) for i in xs]
d = {i: i for i in range(100)}
dw = {w: 0 for w in ws}
dd, ct, dl = defaultdict(int, dw), Counter(dw), defaultdict(list, {w: [] for w in ws})
ss = set(range(0, 100, 2))
dt = {(i, i + 1): i for i in range(100)}


class P:
    number = 3

    def __init__(s, x, y):
        s.x, s.y = x, y

    def get(s):
        return s.x

    def __eq__(s, o):
        return s.x == o.x

    def __hash__(s):
        return 7

    def __add__(s, o):
        return s.x + o.x

    def __len__(s):
        return 2

    def __getitem__(s, i):
        return s.x

    def __call__(s, i):
        return s.x + i

    @property
    def z(s):
        return s.x

    @classmethod
    def larger(cls, a, b):
        return a.x > b.x

    @classmethod
    def make(cls, a):
        return cls(a, cls.larger is None)

    @staticmethod
    def plain(a):
        return a


class Q(P):
    def get(s):
        return super().get()


class S:
    __slots__ = ("x",)

    def __init__(s, x):
        s.x = x


class L:
    def __enter__(self):
        return self

    def __exit__(self, *a):
        return False


class Falls:
    def __getattr__(self, name):
        return name

    here = 1


class Color(enum.Enum):
    A = 1
    B = 2


Point = namedtuple("Point", "x y")


def add(a, b=1):
    return a + b


def va(*a):
    return len(a)


def kw(**k):
    return len(k)


def only(*, a):
    return a


def vak(*a, **k):
    return add(*a, **k)


def decorate(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


@decorate
def decorated(a, b=2):
    return a + b


half = functools.partial(add, 5)
ps = [P(i, i) for i in xs]
p, q, lk, falls, point = P(1, 2), Q(3, 4), L(), Falls(), Point(1, 2)
cs = [Color.A if i % 3 else Color.B for i in xs]
lst, tup = [1, 2, 3], (1, 2, 3)
dq = deque(xs)
buf = bytearray(b"abcdefgh" * 20)
bs = bytes(buf)
text = "the quick brown fox jumps"
"""

STATEMENTS = """
ws :: dw[x] += 1
ws :: dd[x] += 1
ws :: ct[x] += 1
ws :: dl[x].append(x)
xs :: t += d[x]
xs :: d[x] = x
ts :: t += dt[x]
ws :: if x in dw: t += 1
xs :: if x in ss: t += 1
xs :: ss.add(x)
xs :: t += d.get(x, 0)
xs :: d.setdefault(x, 1)
xs :: out.append((x, t))
xs :: o = {"a": x, "b": t}
xs :: o = [x, x]
xs :: o = lst + lst
xs :: o = lst[:]
xs :: o = list(tup)
xs :: o = sum(lst)
xs :: o = min(x, t)
xs :: o = max(lst)
xs :: o = str(x)
xs :: o = f"{x}-{t:5d}"
fs :: o = f"{x:.2f}"
xs :: o = "%s-%s" % (x, t)
ws :: o = x.upper() + "a"
ws :: o = x.startswith("t")
xs :: o = text.split(" ")
xs :: o = "".join(["a", "b"])
ws :: o = x[1:]
ws :: o = x == "fox"
xs :: o = int("12") + float("1.5")
fs :: o = round(x, 2)
xs :: o = isinstance(x, (int, float))
xs :: o = id(lst)
ps :: o = hasattr(x, "x") and getattr(x, "x") + getattr(x, "q", 0)
ps :: o = type(x)
ps :: o = x.get() + x.x + x.number
ps :: o = x.z
ps :: o = x == x
ps :: o = x + x
ps :: o = x[0] + x(1)
xs :: o = q.get()
xs :: if P.larger(p, q): t += 1
xs :: if p.larger(p, q): t += 1
xs :: o = P.make(x).x + Q.make(x).x
xs :: o = P.plain(x) + p.plain(x)
xs :: o = P(x, x)
xs :: o = S(x)
xs :: g = p.get ;; t += g()
xs :: o = add(x) + add(x, b=2)
xs :: o = va(x, x) + kw(a=x) + only(a=x)
xs :: o = vak(x, b=2)
xs :: o = add(*(x, 2))
xs :: o = decorated(x) + decorated(x, b=3)
xs :: o = half(x)
xs :: o = falls.here
xs :: o = point.x + point.y
xs :: with lk: t += x
xs :: try: t += d[x] ;; except KeyError: t += 1
cs :: o = x.value
cs :: o = x is Color.A
xs :: o = [y for y in lst]
xs :: o = {y: y for y in lst}
xs :: o = sum(y for y in lst)
xs :: o = any(y > 5 for y in lst)
xs :: o = sorted(lst)
xs :: o = set(lst)
xs :: a, b, c = lst
xs :: a, b = x, t ;; a, b = b, a
enumerate(xs) :: t += x[0]
zip(xs, fs) :: t += x[0]
reversed(xs) :: t += x
d.items() :: t += x[1]
xs :: dq.append(x) ;; dq.popleft()
xs :: o = buf[x % 100] + bs[x % 100]
ws :: o = ord(x[0])
xs :: o = chr(x)
xs :: del d[x] ;; d[x] = x
xs :: o = next(iter(lst))
xs :: lst.pop(); lst.append(3)
xs :: o = math.sqrt(x) + math.sin(x) + math.hypot(x, 2)
xs :: o = pow(x, 2, 7) + x.bit_length()
xs :: heapq.heappush(out, x) ;; o = heapq.heappop(out)
xs :: o = tup == (1, 2, 3) and tup < (1, 2, 4)
xs :: o = x ** 2 + x ** 0.5 + x / 3 + x // 3 + x % 3
xs :: o = (lambda: x)()
"""

RUN = """
import json, sys
import decal
names = {"__name__": "__main__"}
exec(compile(sys.argv[1], "setup.py", "exec"), names)
decal.enable()
found = {}
for statement in json.loads(sys.argv[2]):
    over, _, body = statement.partition(" :: ")
    lines = "\\n        ".join(body.split(" ;; "))
    text = f"def f():\\n    t, out, o = 0, [], None\\n    for x in {over}:\\n        {lines}\\n    return t\\n"
    exec(compile(text, "statement.py", "exec"), names)
    for _ in range(12):
        names["f"]()
    found[statement] = decal.explain(names["f"])
print(json.dumps(found))
"""

ALL = [line for line in STATEMENTS.splitlines() if line]


@functools.cache
def explained() -> dict[str, str]:
    """What decal says of each, all run in one process."""
    outcome = python("-c", RUN, SETUP, json.dumps(ALL), switches={"DECAL_JIT": "1", "DECAL_STRESS": "hot"})
    assert outcome.status == 0, outcome.stderr[-2000:]
    said: dict[str, str] = json.loads(outcome.stdout.splitlines()[-1])
    return said


@pytest.mark.parametrize("statement", ALL)
def test_has_a_form_of_its_own(statement: str) -> None:
    """A trace of the loop, in which nothing is done by the interpreter's own function."""
    said = explained()[statement]
    assert ": compiled" in said, said
    assert "through CPython" not in said, said


CALLS = """
import decal


def plain(a, b=3, c=None):
    total = a + b
    total = total * 2 - a
    return total if c is None else total + c


decal.enable()
for _ in range(3):
    list(map(plain, range(3000)))
    list(map(plain, range(3000), range(3000)))
stats = decal.stats()
print(stats["calls"], stats["calls_made"])
"""


def test_a_call_that_leaves_arguments_to_defaults_needs_no_frame() -> None:
    """A call by address fills them in."""
    outcome = python("-c", CALLS, switches={"DECAL_JIT": "1", "DECAL_STRESS": "hot"})
    assert outcome.status == 0, outcome.stderr[-2000:]
    calls, made = map(int, outcome.stdout.split())
    assert calls > 15000
    assert made == 0
