"""Classes whose end somebody waits for: neither traces nor passes that are under way keep them."""

from __future__ import annotations

import gc
import weakref
from functools import lru_cache, wraps

from common import show

TURNS = 120


def passes_on(function):
    @wraps(function)
    def inner(*args, **kwargs):
        return function(*args, **kwargs)

    return inner


def make(number):
    class Short:
        value = number

        def get(self):
            return self.value

        @classmethod
        def of_class(cls):
            return cls.value

        @lru_cache  # noqa: B019
        def kept(self, other):
            return self, other

    return Short


@passes_on
def use(short, turns):
    total = 0
    for turn in range(turns):
        it = short()
        total += it.get() + short.of_class() + it.kept(turn)[1]
    return total


def classes():
    gone, total, alive = [], 0, []
    for turn in range(TURNS):
        short = make(turn)
        reference = weakref.ref(short, gone.append)
        total += use(short, turn % 7 + 1)
        del short
        gc.collect()
        alive.append(reference() is not None)
    return total, len(gone), alive.count(True)


def namespaces():
    """The globals of a decorated generator function."""
    alive = []
    for turn in range(TURNS):
        names = {"passes_on": passes_on, "turn": turn}
        exec("class Marker: pass\n\n@passes_on\ndef numbers(n):\n    yield n\n    yield turn\n", names)
        total = 0
        for _ in range(3):
            for number in names["numbers"](turn):
                total += number
        reference = weakref.ref(names["Marker"])
        del names
        gc.collect()
        alive.append((total, reference() is None))
    return alive[-3:], sum(gone for _, gone in alive)


for function in (classes, namespaces):
    show(function)
