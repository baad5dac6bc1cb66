"""Builtins that go through a generator: what they give, raise, and leave behind, wherever a trace of them is left."""

from __future__ import annotations

import sys
from decimal import Decimal
from fractions import Fraction

from common import show

TURNS = 1500
ROW = [3, 1, 4, 1, 5, 9, 2, 6]
FLOATS = [0.1, 0.2, 0.3, 1e16, 1.0, -1e16, 1e-9]


def sums_of_ints():
    s = 0
    for i in range(TURNS):
        s += sum(x * i for x in ROW)
        s -= sum(x for x in ROW if x & 1)
    return s


def sums_of_floats():
    seen = set()
    for i in range(TURNS):
        seen.add(repr(sum(x * (i % 3) for x in FLOATS)))
        seen.add(repr(sum(-0.0 for _ in ROW)))
    return sorted(seen)


def mixed_sums():
    seen = set()
    for i in range(TURNS):
        seen.add(repr(sum(x if x % 2 else x / 4 for x in ROW)))
        seen.add(repr(sum(x if i % 7 else 0.1 for x in ROW)))
    return sorted(seen)


def sums_of_bools():
    s = 0
    for i in range(TURNS):
        s += sum(x > i % 9 for x in ROW)
    return s


def large_sums():
    big = 2**62
    seen = set()
    for i in range(TURNS):
        limit = big if i % 50 == 0 else 1
        seen.add(sum(x * limit for x in ROW))
        if i % 100 == 0:
            seen.add(sum(y for y in [2**62, 2**62, 0.1, 0.2, 0.3]))
            seen.add(sum(y for y in [0.1, 0.2, 2**70, 0.3]))
            seen.add(sum(y for y in [1, 2.5, float("inf"), 1e308, 1e308]))
    return sorted(seen)


def infinite_sums():
    seen = set()
    for i in range(TURNS):
        last = float("inf") if i % 2 else 1e308
        seen.add(repr(sum(x for x in [1e308, last, -1.0, 1e-300])))
        seen.add(repr(sum(x for x in [float("nan"), 1.0])))
    return sorted(seen)


def other_sums():
    seen = set()
    for i in range(TURNS):
        kind = [int, float, Fraction, Decimal, complex][i % 5]
        seen.add(repr(sum(kind(x) for x in ROW)))
        seen.add(repr(sum(kind(x) if x > 4 else x for x in ROW)))
        seen.add(repr(sum(0.1 if x > 4 else kind(x) for x in ROW if kind is not Decimal)))
    return sorted(seen)


def sum_that_becomes_complex():
    seen = set()
    for i in range(TURNS):
        # What is left of the sum after that is added by decal's own code.
        late = i >= TURNS - 3
        seen.add(repr(sum(complex(x, 1) if late and x == ROW[0] else x for x in ROW)))
    return sorted(seen)


def sum_of_text():
    s = 0
    for i in range(TURNS):
        s += sum(x if i < TURNS - 5 else str(x) for x in ROW)
    return s


def found():
    yes = no = 0
    for i in range(TURNS):
        yes += any(x == i % 12 for x in ROW)
        no += all(x != i % 12 for x in ROW)
        yes += any([] for x in ROW)
        yes += any(x for x in ("", None, 0, 0.0, "x"))
        no += all(x for x in ([1], "x", 2, (3,)))
        no += all(None for x in ROW)
    return yes, no


class Truth:
    def __init__(self, log, value):
        self.log = log
        self.value = value

    def __bool__(self):
        self.log.append(self.value)
        return self.value > 3


def truth_of_objects():
    log = []
    count = 0
    for i in range(TURNS):
        count += any(Truth(log, x) for x in ROW)
        count += all(Truth(log, x) for x in ROW)
        del log[100:]
    return count, log[:20]


def smallest_and_largest():
    s = 0
    for i in range(TURNS):
        s += min(x ^ (i & 7) for x in ROW)
        s += max(x ^ (i & 7) for x in ROW)
        s += max(x * 0.5 for x in ROW)
        s += min(-x * 0.5 for x in FLOATS)
    return s


def best_of_equals():
    a, b = 10**20, 10**20 + 0
    c, d = float("nan"), 2.0
    ones = 0
    for i in range(TURNS):
        ones += max(x for x in (a, b)) is a
        ones += type(min(x for x in (1.0, 1))) is float
        ones += repr(max(x for x in (c, d))) == "nan"
        ones += max(x for x in (True, 1)) is True
        ones += min(x for x in "hello") == "e"
    return ones


def best_of_nothing():
    s = 0
    for i in range(TURNS):
        s += min(x for x in ROW if x < TURNS - i - 3)
    return s


def lists():
    sizes = 0
    for i in range(TURNS):
        a = list(x + i for x in ROW)
        b = tuple(x * 0.5 for x in ROW if x > 2)
        c = set(x % 4 for x in ROW)
        d = sorted(-x for x in ROW)
        e = sorted(str(x * i) for x in ROW)
        f = sorted(x if x < 5 else 1.5 * x for x in ROW)
        sizes += a[-1] + len(b) + len(c) + d[0] + len(e[0]) + len(f)
        sizes += len(list(x for x in ())) + len(tuple(x for x in ())) + len(set(x for x in ()))
    return sizes, a, b, sorted(c), d, e, f


def joined():
    size = 0
    for i in range(TURNS):
        size += len(",".join(str(x) for x in ROW))
        size += len("".join("ab" for x in ROW if x > i % 10))
    return size, ",".join(str(x) for x in ROW)


def joined_wrongly():
    size = 0
    for i in range(TURNS):
        size += len(",".join(str(x) if i < TURNS - 5 else x for x in ROW))
    return size


def nexts():
    s = 0
    for i in range(TURNS):
        s += next(x for x in ROW if x > 4)
        s += next((x for x in ROW if x > i % 12), -1)
        s += next((x for x in ()), 2)
    return s


def next_of_one():
    g = (x * 2 for x in range(TURNS * 2))
    s = 0
    for i in range(TURNS):
        s += next(g)
    return s, next(g), sum(g), next(g, "over")


def next_raises():
    s = 0
    for i in range(TURNS):
        s += next(x for x in ROW if x > i - TURNS + 10)
    return s


def next_of_returned():
    def three():
        yield 1
        yield 2
        return "returned"

    s = 0
    for i in range(TURNS):
        g = three()
        s += next(g) + next(g)
        if i == TURNS - 3:
            next(g)
    return s


def raising_inside():
    s = 0
    for i in range(TURNS):
        s += sum(100 // (x + TURNS - 7 - i) for x in ROW)
    return s


def caught_inside():
    s = 0
    for i in range(TURNS):
        try:
            s += sum(12 // ((x + i) % 5) for x in ROW)
        except ZeroDivisionError:
            s -= 1
        try:
            s += max(12 // ((x + i) % 11) for x in ROW)
        except ZeroDivisionError as error:
            s += error.__traceback__.tb_next.tb_lineno - error.__traceback__.tb_lineno
    return s


def closing():
    log = []

    def guarded(n):
        try:
            for i in range(n):
                yield i
        finally:
            log.append(n)

    s = 0
    for i in range(TURNS):
        s += any(x == 3 for x in guarded(5 + i % 3))
        s += next(guarded(7))
        s += sum(guarded(4))
        del log[50:]
    return s, log


def seen_within():
    names = set()

    def looks():
        for i in range(5):
            frame = sys._getframe()
            names.add((frame.f_code.co_name, frame.f_back.f_code.co_name, frame.f_back.f_locals["i"] >= 0))
            yield i

    s = 0
    for i in range(TURNS):
        s += sum(looks())
        s += len(list(looks()))
    return s, names


def nested():
    s = 0
    for i in range(TURNS // 5):
        s += sum(sum(x * y for y in ROW) for x in ROW)
        s += max(min(abs(x - y) for y in ROW if x != y) for x in ROW)
        s += sum(any(x == y for y in (1, 5)) for x in ROW)
    return s


def with_closures():
    total = 0
    for i in range(TURNS):
        factor = i % 5
        total += sum(x * factor for x in ROW)
        total += len([1 for x in ROW if any(x == y + factor for y in ROW)])
    return total


def through_functions():
    def doubled(items):
        for item in items:
            yield item * 2

    def add(items):
        return sum(items)

    s = 0
    for i in range(TURNS):
        s += add(doubled(ROW))
        s += add(doubled(x + i for x in ROW))
        s += sum(doubled(doubled(ROW)))
    return s


def long_ones():
    return (
        sum(x * x for x in range(100_000)),
        max(x % 1013 for x in range(50_000)),
        any(x > 40_000 for x in range(50_000)),
    )


class Meter:
    def __init__(self, n):
        self.n = n

    def items(self):
        for i in range(self.n):
            yield i + self.n

    def __iter__(self):
        return (i for i in range(self.n))


def methods():
    s = 0
    for i in range(TURNS):
        meter = Meter(i % 6)
        s += sum(meter.items()) + sum(x for x in meter)
    return s


def counting(n):
    return (i + n for i in range(n))


def returned_by_a_trace():
    s = 0
    for _ in range(3):
        # The function is called from C, and has a trace of its own, which makes the generator when it returns.
        for made in map(counting, [i % 6 for i in range(TURNS)]):
            s += sum(made)
    return s


def redefined():
    global sum
    s = 0
    for i in range(TURNS):
        if i == TURNS - 10:
            sum = max
        s += sum(x for x in ROW)
    del sum
    return s


def reference_counts():
    marker = object()
    data = [marker] * 6
    before = sys.getrefcount(marker), sys.getrefcount(data)
    n = 0
    for i in range(TURNS):
        n += len(list(x for x in data)) + len(tuple(x for x in data)) + len(set(x for x in data))
        n += next(x for x in data) is marker
        n += any(x is not marker for x in data)
    return n, sys.getrefcount(marker) - before[0], sys.getrefcount(data) - before[1]


def growing_list():
    s = 0
    data = []
    for i in range(60):
        data.append(i)
        s += sum(x for x in data)
        s += len(sorted(-x for x in data))
    return s


PROGRAMS = [
    sums_of_ints,
    sums_of_floats,
    mixed_sums,
    sums_of_bools,
    large_sums,
    infinite_sums,
    other_sums,
    sum_that_becomes_complex,
    sum_of_text,
    found,
    truth_of_objects,
    smallest_and_largest,
    best_of_equals,
    best_of_nothing,
    lists,
    joined,
    joined_wrongly,
    nexts,
    next_of_one,
    next_raises,
    next_of_returned,
    raising_inside,
    caught_inside,
    closing,
    seen_within,
    nested,
    with_closures,
    through_functions,
    long_ones,
    methods,
    returned_by_a_trace,
    redefined,
    reference_counts,
    growing_list,
]

for program in PROGRAMS:
    show(program)
