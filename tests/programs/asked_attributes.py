"""`getattr` and `hasattr`: names that stay and names that change, attributes that come and go; `functools.partial`."""

from __future__ import annotations

import functools
import math
import operator
from typing import Any

from common import show

TURNS = 150


class Plain:
    shared = "shared"

    def __init__(self, number):
        self.number = number

    def method(self, more=1):
        return self.number + more

    @property
    def computed(self):
        return self.number * 2

    @property
    def refuses(self):
        raise AttributeError("refuses")

    @classmethod
    def of_class(cls):
        return cls.__name__


class Slots:
    __slots__ = ("number", "other")

    def __init__(self, number):
        self.number = number


class Hooked(Plain):
    def __getattr__(self, name):
        if name.startswith("no"):
            raise AttributeError(name)
        return name


class Ends:
    ended: list[Any] = []

    def __init__(self, name):
        self.name = name

    def __del__(self):
        self.ended.append(self.name)


def there():
    found, plain, slots = [], Plain(1), Slots(2)
    for turn in range(TURNS):
        plain.number = turn
        found.append((getattr(plain, "number"), getattr(slots, "number"), getattr(plain, "shared")))
        found.append((getattr(plain, "method")(2), getattr(plain, "computed"), getattr(Plain, "of_class")()))
        found.append((hasattr(plain, "number"), hasattr(plain, "method")))
        found.append((hasattr(slots, "number"), hasattr(math, "pi")))
        found.append((getattr(math, "floor")(turn / 3), getattr(operator, "add")(turn, 1), getattr(5, "real")))
        found.append((getattr(Plain(turn), "number"), hasattr(Plain(turn), "number"), getattr(Plain(turn), "method")()))
    return found[-5:]


def not_there():
    found, plain, slots, hooked = [], Plain(1), Slots(2), Hooked(3)
    for turn in range(TURNS):
        found.append((hasattr(plain, "missing"), hasattr(slots, "other"), hasattr(plain, "refuses"), hasattr(5, "x")))
        found.append((getattr(plain, "missing", turn), getattr(slots, "other", None)))
        found.append(getattr(plain, "refuses", "none"))
        found.append((getattr(hooked, "any"), hasattr(hooked, "nothing"), getattr(hooked, "nothing", -1)))
        found.append((hasattr(Plain, "missing"), getattr(math, "missing", 0), getattr(hooked, "refuses")))
        for owner in (plain, slots, hooked):
            try:
                found.append(getattr(owner, "none"))
            except AttributeError as error:
                found.append(str(error))
    return found[-7:], len(found)


def come_and_go():
    found, plain, other = [], Plain(1), Plain(2)
    for turn in range(TURNS):
        if turn == 40:
            plain.extra = "own"
        if turn == 60:
            del plain.extra
        if turn == 80:
            Plain.extra = "of the class"
        if turn == 100:
            plain.__dict__["extra"] = "in the dict"
        if turn == 120:
            del Plain.extra
        found.append((hasattr(plain, "extra"), getattr(plain, "extra", None), getattr(other, "extra", "none")))
    return [found[turn] for turn in (39, 40, 59, 60, 79, 80, 99, 100, 119, 120, 149)]


def names():
    found, plain = [], Plain(1)
    wanted = ["number", "shared", "missing", "computed", "num" + "ber" * (len("x"))]
    for turn in range(TURNS):
        name = wanted[turn % 5]
        found.append((getattr(plain, name, "none"), hasattr(plain, name), getattr(plain, "".join(["num", "ber"]))))
    for name in (None, 5, b"number"):
        try:
            found.append(getattr(plain, name))
        except TypeError as error:
            found.append(str(error))
    return found[-8:]


def kinds():
    found, owners = [], [Plain(1), Slots(2), Hooked(3), "text", 7, math, Plain]
    for turn in range(TURNS):
        owner = owners[turn % 7]
        found.append((hasattr(owner, "number"), getattr(owner, "shared", None), getattr(owner, "upper", len)))
    return [repr(item)[:60].split(" at ")[0] for item in found[-7:]]


def defaults():
    Ends.ended.clear()
    plain, total = Plain(1), 0
    for turn in range(TURNS):
        total += getattr(plain, "number", Ends(turn))
        total += getattr(plain, "missing", Ends(-turn)).name
        total += getattr(Ends(turn), "name", 0)
    return total, len(Ends.ended), Ends.ended[-6:]


def visits():
    class Visitor:
        def visit(self, node):
            return getattr(self, "visit_" + type(node).__name__, self.other)(node)

        def visit_int(self, node):
            return node + 1

        def visit_list(self, node):
            return [self.visit(item) for item in node]

        def other(self, node):
            return repr(node)

    visitor, found = Visitor(), []
    for turn in range(TURNS):
        found.append(visitor.visit([turn, "a", [turn, 2.5]]))
    return found[-2:]


def scaled(factor, number, plus=0, *rest, **named):
    return factor * number + plus + len(rest) + len(named)


def partials():
    double, ten, method = functools.partial(scaled, 2), functools.partial(scaled, 10, plus=1), Plain(5).method
    bound, nested = functools.partial(method, 7), functools.partial(functools.partial(scaled, 3), 4)
    found = []
    for turn in range(TURNS):
        found.append((double(turn), double(turn, 1), double(turn, plus=2), ten(turn), ten(turn, plus=5)))
        found.append((bound(), nested(), double(turn, 1, 2, 3), double(turn, a=1)))
        each = functools.partial(scaled, turn)
        found.append((each(2), list(map(each, (1, 2))), each.func is scaled, each.args, each.keywords))
        try:
            double()
        except TypeError as error:
            found.append(str(error))
    return found[-4:]


def changed_partials():
    partial = functools.partial(scaled, 2)
    found = []
    for turn in range(TURNS):
        if turn == 60:
            partial.__setstate__((scaled, (3,), {}, {}))
        if turn == 90:
            partial.__setstate__((scaled, (3,), {"plus": 5}, {}))
        if turn == 120:
            partial.__setstate__((operator.add, (3,), {}, {}))
        found.append(partial(turn))
    return found[58:62], found[88:92], found[118:122], found[-1]


for function in (
    there,
    not_there,
    come_and_go,
    names,
    kinds,
    defaults,
    visits,
    partials,
    changed_partials,
):
    show(function)
