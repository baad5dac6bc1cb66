"""Generators that go through ranges: the iterator is in two slots of their frames."""

from __future__ import annotations

from common import show

TURNS = 3000


def known_range(cols=range(8)):
    s = 0
    for _ in range(TURNS):
        s += sum(i for i in cols)
    return s


def new_ranges():
    s = 0
    for k in range(TURNS):
        s += sum(i for i in range(k % 5))
    return s


def steps():
    s = 0
    for k in range(TURNS):
        s += sum(i for i in range(20, k % 7, -1 - k % 3))
        s += len(list(i * i for i in range(0, 9, k % 4 + 1)))
    return s


def within():
    s = 0
    for k in range(TURNS // 10):
        s += sum(i * j for i in range(k % 4) for j in range(i + 1))
        s += any(i + k > 300 for i in range(9))
    return s


def positions(vector=(3, 4000, 5, 800, 1, 2, 5, 700), columns=range(8)):
    s = 0
    for _ in range(TURNS):
        s += len(set(vector[i] - i for i in columns))
        s += len({vector[i] + i for i in columns})
    return s


def queens(count):
    columns = range(count)

    def orders(left):
        if not left:
            yield ()
        for first in left:
            for rest in orders(tuple(item for item in left if item != first)):
                yield (first, *rest)

    for order in orders(tuple(columns)):
        if count == len(set(order[i] + i for i in columns)) == len(set(order[i] - i for i in columns)):
            yield order


def all_queens():
    return [list(queens(5)) for _ in range(4)][-1]


PROGRAMS = [known_range, new_ranges, steps, within, positions, all_queens]

for program in PROGRAMS:
    show(program)
