"""Slices that are objects: of ranges and of own classes, stored and deleted, with bounds that are no numbers."""

from __future__ import annotations

import sys
from typing import Any

from common import show

TURNS = 1500


class Own:
    last: Any = None

    def __getitem__(self, key):
        return key, type(key).__name__

    def __setitem__(self, key, value):
        self.last = key, value

    def __delitem__(self, key):
        self.last = key, None


class Index:
    def __init__(self, number):
        self.number = number

    def __index__(self):
        return self.number


def of_ranges():
    total = 0
    for i in range(TURNS):
        for j in range(i % 7)[::-1]:
            total += j
        total += len(range(i)[2:-2:3])
    return total


def of_own():
    own, total = Own(), 0
    for i in range(TURNS):
        key, name = own[i : i + 1 : 2]
        total += key.start + key.step + len(name)
        total += own[1:i, 3][0][0].stop
        total += own[: i + 0.5][0].stop
    return total


def stored():
    own, items, total = Own(), list(range(50)), 0
    for i in range(TURNS):
        items[::2] = [i] * 25
        own[i::3] = items[4]
        total += own.last[0].start + own.last[1]
        del own[:: i + 1]
        total += own.last[0].step
    return total, items[:5]


def odd_bounds():
    items, total, huge = list(range(20)), 0, 1 << 70
    for i in range(TURNS):
        total += len(items[:huge:1]) + len(items[-huge::2])
        total += sum(items[Index(i % 5) : Index(15) : Index(2)])
        total += len(items[None : None if i % 2 else 4 : None])
    return total


def wrong_bounds():
    items, caught = list(range(20)), 0
    for i in range(TURNS):
        try:
            caught += len(items[: "x" if i % 3 == 0 else i : 1])
        except TypeError as error:
            caught += len(str(error))
        try:
            caught += len(items[:: i % 4])
        except ValueError as error:
            caught += len(str(error))
    return caught


def as_keys():
    found = {}
    own = Own()
    for i in range(TURNS):
        key = own[i % 3 :][0]
        found[key] = found.get(key, 0) + 1
    return sorted((key.start, count) for key, count in found.items())


def counts():
    own, thing = Own(), object()
    before = sys.getrefcount(thing)
    kept = []
    for i in range(TURNS):
        key = own[thing:None:thing][0]
        if i % 100 == 0:
            kept.append(key)
    inside = sys.getrefcount(thing) - before
    kept.clear()
    key = None
    return inside, sys.getrefcount(thing) - before


show(of_ranges)
show(of_own)
show(stored)
show(odd_bounds)
show(wrong_bounds)
show(as_keys)
show(counts)
