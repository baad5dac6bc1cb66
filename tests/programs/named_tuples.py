"""Fields of named tuples: by position, in subclasses, and where the class changes."""

from __future__ import annotations

import math
from collections import namedtuple
from typing import NamedTuple

from common import show

TURNS = 400
Point = namedtuple("Point", "x y")
Row = namedtuple("Row", ["name", "count", "price"], defaults=[0.5])


class Typed(NamedTuple):
    first: int
    second: str = "s"

    def both(self):
        return self.first, self.second


class Named(Row):
    """A subclass with a dict of its own, and a property in place of a field."""

    @property
    def count(self):
        return -1


class Short(Point):
    """Its instances have fewer items than its fields say."""

    def __new__(cls, *items):
        return tuple.__new__(cls, items)


def sums():
    points = [Point(i, i * 0.5) for i in range(40)]
    total = 0
    for turn in range(TURNS):
        point = points[turn % 40]
        total += point.x * 2 + point.y
    return total, sum(p.x * p.y for p in points for _ in range(9) if p.y != 3)


def several():
    """Three classes at one place, and the same name at other positions."""
    Other = namedtuple("Other", "count name")
    things = [Row("a", 3), Row("b", 4, 2), Other(7, "c"), Named("d", 5), Typed(1)]
    total = []
    for turn in range(TURNS):
        thing = things[turn % 4]
        total.append((thing.name, thing.count))
        total.append(things[4].both())
    return total[:10], total[-4:], len(total)


def missing():
    points = [Short(1, 2), Short(3), Short(), Short(4, 5, 6)]
    found = []
    for turn in range(TURNS):
        try:
            found.append(points[turn % 4].y)
        except IndexError as error:
            found.append(str(error))
    return found[:4], found[-4:]


def stored():
    point, found = Point(1, 2), []
    for turn in range(TURNS // 4):
        try:
            if turn % 50 == 49:
                point.x = turn
            found.append(point.x)
        except AttributeError as error:
            found.append(str(error))
        point = point._replace(x=turn)
    return found[45:55], point


def changed():
    Local = namedtuple("Local", "a b")
    thing, found = Local(1, 2), []
    for turn in range(TURNS):
        if turn == TURNS - 100:
            Local.a = property(lambda self: "a")
        if turn == TURNS - 50:
            Local.a = 5
        if turn == TURNS - 20:
            del Local.a
            Local.__getattr__ = lambda self, name: name
        found.append((thing.a, thing.b))
    return [found[at] for at in (0, -101, -99, -51, -49, -21, -19, -1)]


def kept():
    """The item outlives the tuple."""
    last = None
    for turn in range(TURNS):
        last = Row([turn], turn).name
    return last


def distances():
    """Functions of `math` with other numbers of arguments, and with what they refuse."""
    points = [Point(i * 0.25, 3 - i) for i in range(30)]
    total, errors = 0.0, []
    for turn in range(TURNS):
        a, b = points[turn % 30], points[turn * 7 % 30]
        total += math.hypot(a.x - b.x, a.y - b.y) + math.hypot(a.x) + math.hypot(a.x, turn, 2)
        total += math.gcd(turn, 12) + math.lcm(turn % 5, 4) + math.isqrt(turn) + math.comb(turn % 9, 2)
        total += math.isnan(total) + math.isinf(a.x) + math.factorial(turn % 7) + math.log(turn + 1, 3)
        total += math.ldexp(a.x, 2) + math.modf(a.x)[0] + math.frexp(a.x)[1] + math.trunc(a.x) + math.fsum([a.x, 1])
        try:
            total += math.isqrt(5 - turn % 100)
            total += math.hypot(a.x, "2" if turn % 90 == 88 else 2)
            total += math.gcd(2**70 + turn, 6) + math.factorial(turn % 80 and 3 or -1)
        except (ValueError, TypeError) as error:
            errors.append(str(error))
    return total, len(errors), sorted(set(errors))


for function in (sums, several, missing, stored, changed, kept, distances):
    show(function)
