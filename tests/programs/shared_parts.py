"""Tuples and instances in each other, where one part stands in many places: however many, each is one object."""

from __future__ import annotations

from common import show

TURNS = 300


class Node:
    def __init__(self, left, right):
        self.left, self.right = left, right


def twice(*both):
    return both, both


def tuples():
    """From turn to turn."""
    kept, depths = None, []
    for turn in range(TURNS):
        kept = (turn, kept, kept) if turn % 30 else None
        if turn % 30 == 29:
            depth, same = 0, True
            while kept:
                same = same and kept[1] is kept[2]
                kept, depth = kept[1], depth + 1
            depths.append((depth, same))
    return depths


def instances():
    """The same with attributes, which may change."""
    kept, depths = None, []
    for turn in range(TURNS):
        kept = Node(kept, kept) if turn % 25 else None
        if turn % 25 == 24:
            depth, same = 0, True
            while kept:
                same = same and kept.left is kept.right
                kept.right = depth
                kept, depth = kept.left, depth + 1
            depths.append((depth, same))
    return depths


def in_one_turn():
    total = 0
    for turn in range(TURNS):
        a = (turn, [turn])
        a = (a, a)
        a = (a, a)
        a = (a, a)
        a = (a, a)
        a = (a, a)
        a = (a, a)
        a = (a, a)
        a = (a, a)
        a = (a, a)
        a = (a, a)
        a = (a, a)
        a = (a, a)
        a = (a, a)
        a = (a, a)
        a = (a, a)
        a = (a, a)
        a = (a, a)
        a = (a, a)
        a = (a, a)
        a = (a, a)
        a = (a, a)
        a = (a, a)
        a = (a, a)
        a = (a, a)
        total += len(a) + (a[0] is a[1])
        while isinstance(a[0], tuple):
            a = a[turn % 2]
        total += a[0] + a[1][0]
    return total


def of_both_kinds():
    total = 0
    for turn in range(TURNS):
        a = Node(turn, turn)
        a.right = a = Node(a, (a, a))
        a = Node(a, (a, a, a))
        a = Node((a, a), (a, a))
        a = Node((a, a), (a, a))
        a = Node((a, a), (a, a))
        a = Node((a, a), (a, a))
        a = Node((a, a), (a, a))
        a = Node((a, a), (a, a))
        a = Node((a, a), (a, a))
        a = Node((a, a), (a, a))
        total += a.left[0] is a.right[1]
        while isinstance(a.left, tuple):
            a = a.left[turn % 2]
        total += a.left.left.left is a.left.right[0].left
    return total


def arguments():
    total = 0
    for turn in range(TURNS):
        both = twice(twice(twice(twice(twice(twice(twice(twice(twice(twice(twice(twice(turn))))))))))))
        both = twice(both, both)
        total += len(both) + (both[0][0] is both[1][1])
        while isinstance(both, tuple):
            both = both[0]
        total += both
    return total


for function in (tuples, instances, in_one_turn, of_both_kinds, arguments):
    show(function)
