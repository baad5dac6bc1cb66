"""decal is switched off and on by what a trace calls."""

import sys

from common import show

N = 1200


class At:
    """An operator that does something at some turns."""

    def __init__(self, action, turns):
        self.action, self.turns = action, set(turns)

    def __add__(self, other):
        if other in self.turns:
            self.action(other)
        return other


class Ends:
    def __init__(self, action):
        self.action = action

    def __del__(self):
        self.action()


def switch():
    """Off where it is on, and on again: nothing happens without decal."""
    decal = sys.modules.get("decal")
    if decal is not None and (STATE or decal.is_enabled()):
        if STATE:
            STATE.pop()
            decal.enable()
        else:
            STATE.append(1)
            decal.disable()


STATE = []


def active(at, i):
    before = i + 1
    at + i
    return before


def by_operator(n):
    at = At(lambda i: switch(), (3, 100, 101, 700, 701, 702, 1000, 1100))
    total = 0
    for i in range(n):
        total += at + i
    return total


def in_inlined_call(n):
    at = At(lambda i: switch(), (3, 100, 101, 700, 701, 702, 1000, 1100))
    total = 0
    for i in range(n):
        total += active(at, i)
    return total


def by_finalizer(n):
    total = 0
    for i in range(n):
        e = Ends(switch) if i % 100 == 50 else i
        total += i if e else 0
        e = None
    return total


def twice_at_once(n):
    def both(i):
        switch()
        switch()

    at = At(both, range(0, n, 50))
    total = 0
    for i in range(n):
        total += active(at, i) + (at + i)
    return total


def raising(n):
    def fail(i):
        switch()
        raise ValueError(i)

    at = At(fail, (3, 100, 101, 700, 701, 702, 1000, 1100))
    total = 0
    errors = []
    for i in range(n):
        try:
            total += active(at, i)
        except ValueError as error:
            errors.append(error.args[0])
    return total, errors


def last_one(n):
    total = 0
    for i in range(n):
        total += active(0, i)
    return total


for function in (by_operator, in_inlined_call, by_finalizer, twice_at_once, raising, last_one):
    show(function, N)
    show(function, N, note=" again")
