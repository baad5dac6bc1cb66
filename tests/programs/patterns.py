"""`match`: sequences, mappings, classes, guards and captures, of subjects whose types change."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass

from common import show

TURNS = 300


@dataclass
class Point:
    x: int
    y: int


class Odd:
    def __init__(self, kind):
        self.kind = kind


class Items(list):
    pass


def commands(subject):
    match subject:
        case ("add", a, b):
            return a + b
        case ("neg", a):
            return -a
        case ["sum", *rest]:
            return sum(rest)
        case [[a, b], c]:
            return a * b - c
        case []:
            return "empty"
        case {"op": "mul", "a": a, **rest}:
            return a * 2, sorted(rest)
        case {}:
            return "mapping"
        case Point(x=0, y=y):
            return y
        case Point(x, y) if x > y:
            return x - y
        case Point():
            return "point"
        case str() | bytes():
            return "text"
        case True | None:
            return "single"
        case int(n) if n % 2:
            return n
        case float() as f:
            return f * 2
        case Odd(kind=kind):
            return kind
        case _:
            return "other"


SUBJECTS = [
    ("add", 1, 2),
    ("neg", 5),
    ["sum", 1, 2, 3],
    [[2, 3], 4],
    [],
    {"op": "mul", "a": 4, "z": 1},
    {"op": "div"},
    Point(0, 7),
    Point(5, 2),
    Point(1, 2),
    "add",
    b"neg",
    True,
    None,
    7,
    8,
    2.5,
    Odd("k"),
    range(2),
    deque(["neg", 9]),
    Items(["neg", 1]),
    OrderedDict(op="mul", a=1),
    {1, 2},
    2**70 + 1,
    bytearray(b"x"),
    (["neg"], 1),
]


def mixed():
    found = []
    for turn in range(TURNS):
        found.append(commands(SUBJECTS[turn * 7 % len(SUBJECTS)]))
    return found[:30], len(found)


def alike():
    """One kind after the other, each long enough to be hot."""
    found = []
    for subject in SUBJECTS:
        for _ in range(TURNS // 5):
            last = commands(subject)
        found.append(last)
    return found


def numbers():
    total = 0
    for turn in range(TURNS):
        match turn % 7, turn % 3:
            case 0, _:
                total += 1
            case 1 | 2, n:
                total += n
            case m, 0:
                total += m * 10
            case m, n if m == n:
                total -= 1
            case _:
                total += 100
    return total


def registered():
    """A class becomes a sequence while the loop runs."""
    from collections.abc import Sequence

    class Late:
        def __len__(self):
            return 1

        def __getitem__(self, index):
            if index:
                raise IndexError(index)
            return "late"

    thing, found = Late(), []
    for turn in range(TURNS):
        if turn == TURNS // 2:
            Sequence.register(Late)
        match thing:
            case [one]:
                found.append(one)
            case _:
                found.append("no")
    return found[TURNS // 2 - 2 : TURNS // 2 + 2]


for function in (mixed, alike, numbers, registered):
    show(function)
