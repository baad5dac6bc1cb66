"""Methods of builtin types as objects, and generators of random numbers, whose methods are mostly used so."""

from __future__ import annotations

import operator
import random
from typing import Any

from common import show

TURNS = 400


class Counted(random.Random):
    """Draws in its own way: the methods of its base ask this one."""

    calls = 0

    def random(self):
        Counted.calls += 1
        return super().random()


class Late(random.Random):
    pass


def draws():
    source, total = random.Random(5), 0.0
    for turn in range(TURNS):
        total += source.random() - 0.5 * source.getrandbits(turn % 70 + 1)
    return total, source.getstate()[1][-1], source.random()


def module_draws():
    random.seed(7)
    total = 0.0
    for _ in range(TURNS):
        total += random.random()
    return total, random.random()


def games():
    source, found = random.Random(3), []
    items = list(range(9))
    for turn in range(TURNS // 2):
        found.append((source.randint(1, 6), source.choice("abc"), source.randrange(0, 50, 7)))
        if turn % 20 == 0:
            source.shuffle(items)
            found.append((tuple(items), source.sample(items, 3), source.uniform(1, 2), source.gauss(0, 1)))
    return found[:4], found[-4:]


def derived():
    found = []
    for source in (Counted(1), Late(1), Counted(2)):
        found.append(sum(source.random() + source.randint(1, 3) for _ in range(TURNS)))
        if isinstance(source, Late):
            Late.random = lambda self: 0.25
            found.append(sum(source.random() for _ in range(TURNS)))
    return found, Counted.calls


def refused():
    source, found = random.Random(1), []
    for turn in range(TURNS):
        try:
            found.append(source.getrandbits(turn % 5 - 1 if turn % 50 else 2.5))
        except (ValueError, TypeError) as error:
            found.append(str(error))
    return found[-6:], len(found)


def kept_methods():
    """One is made in each turn, is used, compared, kept, and outlives what it was made of."""
    kept: list[Any] = []
    total = 0
    for turn in range(TURNS):
        things = [[turn], {turn: 1}, {turn}, "abc" * (turn % 3), (turn,)]
        add, get, put, upper, count = (
            things[0].append,
            things[1].get,
            things[2].add,
            things[3].upper,
            things[4].count,
        )
        add(2)
        put(turn + 1)
        total += len(things[0]) + get(turn, 0) + get(-1, 5) + len(things[2]) + len(upper()) + count(turn)
        if turn % 50 == 3:
            kept.append((add, upper, add == things[0].append, add.__self__ is things[0], upper.__name__))
    return total, [(name, same, is_it, upper(), add(1)) for add, upper, same, is_it, name in kept]


def of_several():
    """The same place makes methods of several types."""
    things: list[Any] = ["a-b", b"a-b", bytearray(b"a-b")]
    found = []
    for turn in range(TURNS):
        split = things[turn % 3].split
        found.append(len(split(b"-" if turn % 3 else "-")))
    return sum(found), things[0].split.__qualname__


def indices():
    total = 0
    for turn in range(TURNS):
        index = operator.index
        total += index(turn) + index(turn % 2 == 0) + index(2**70) % 7
    return total


for function in (draws, module_draws, games, derived, refused, kept_methods, of_several, indices):
    show(function)
