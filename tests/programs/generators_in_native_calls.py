"""Generators with closures that are made in a function which is called natively: its locals stay what they are."""

from __future__ import annotations

import sys
from collections import deque
from typing import Any

from common import show

TURNS = 80


def last(depth, items, offset):
    """The generator goes to C before anything has made this frame."""
    text = f"{depth}:{offset}"
    kept = deque((item + offset + depth for item in items), 2)
    if depth:
        found = last(depth - 1, items, offset + 1)
        found.append((text, list(kept), items[0], offset))
        return found
    return [(text, list(kept), items[-1], offset)]


def recursive():
    found: list[Any] = []
    for turn in range(TURNS):
        found = last(turn % 7, [turn, turn + 1, 5], turn)
    return found, last(9, [1, 2], 3)


class Watched:
    def __init__(self, name, kinds):
        self.name = name
        self.kinds = kinds

    def handle(self, name, args, named):
        """As `unittest` does it: asked by a generator, and the receiver let go of at the end."""
        try:
            if not all(issubclass(kind, self.base) for kind in self.kinds):
                raise TypeError(name)
            if not args:
                self.name = named.pop("name", None)
                return self
            function, *args = args
            with self:
                function(*args, **named)
        finally:
            self = None  # type: ignore[assignment]

    base = BaseException

    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        return kind is not None and issubclass(kind, self.kinds)


def bad(number):
    raise ValueError(number)


def with_function(kinds, turn):
    return Watched("a", kinds).handle("with_function", (bad, turn), {})


def with_statement(kinds, turn):
    with Watched("b", kinds).handle("with_statement", (), {"name": turn}) as watched:
        bad(turn)
    return watched.name


def watched():
    kinds = (KeyError, OSError, ValueError, IndexError)
    found = []
    for turn in range(TURNS):
        found.append(with_function(kinds, turn))
        if turn % 5 == 0:
            found.append(with_statement(kinds, turn))
    return found


def sums(depth, items, weights):
    """Several closures, and the frame looked at behind."""
    pairs = set(item * weight + depth for item in items for weight in weights)
    inner = sums(depth - 1, items, weights) if depth else 0
    frame = sys._getframe()
    return inner + sum(pairs) + len(frame.f_locals["items"]) + len(frame.f_locals["weights"])


def nested():
    return [sums(turn % 5, [turn, 2], (3, turn)) for turn in range(TURNS)][-6:]


for function in (recursive, watched, nested):
    show(function)
