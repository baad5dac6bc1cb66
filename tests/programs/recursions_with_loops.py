"""Functions that call themselves from their loops: the trace of their start loops, and its calls are native."""

from __future__ import annotations

import sys
from typing import Any

from common import show

TURNS = 60
GRAPH = {i: [(i * 7 + 3) % 50, (i * 11 + 5) % 50, (i + 1) % 50] for i in range(50)}


def visit(node, seen, order):
    seen.add(node)
    for other in GRAPH[node]:
        if other not in seen:
            visit(other, seen, order)
    order.append(node)


def graphs():
    found = []
    for turn in range(TURNS):
        order: list[int] = []
        visit(turn % 50, set(), order)
        found.append(order)
    return found[7], found[-1], sum(map(len, found))


def permutations(items, at, found):
    if at == len(items):
        found.append(tuple(items))
        return
    for i in range(at, len(items)):
        items[at], items[i] = items[i], items[at]
        permutations(items, at + 1, found)
        items[at], items[i] = items[i], items[at]


def permuted():
    total = 0
    for turn in range(TURNS):
        found: list[tuple[int, ...]] = []
        permutations(list(range(turn % 5)), 0, found)
        total += len(found) + sum(one[0] for one in found if one)
    return total, found


class Node:
    def __init__(self, name, children=()):
        self.name, self.children = name, list(children)

    def size(self):
        total = 1
        for child in self.children:
            total += child.size()
        return total

    def names(self, depth=0):
        found = [(depth, self.name)]
        for child in self.children:
            found.extend(child.names(depth + 1))
        return found

    def find(self, name):
        if self.name == name:
            return self
        for child in self.children:
            if (found := child.find(name)) is not None:
                return found
        return None

    def deepest(self):
        return 1 + max([child.deepest() for child in self.children], default=0)


def tree(depth, name="r"):
    return Node(name, [tree(depth - 1, name + str(i)) for i in range(depth % 3 + 1)] if depth else [])


def trees():
    root = tree(6)
    found: list[Any] = []
    for turn in range(TURNS):
        found.append((root.size(), len(root.names()), root.deepest()))
        one = root.find("r" + "0" * (turn % 7))
        found.append(one.name if one else None)
    return found[:4], found[-4:]


def change(coins, amount, at=0):
    if amount == 0:
        return 1
    ways = 0
    for i in range(at, len(coins)):
        if coins[i] <= amount:
            ways += change(coins, amount - coins[i], i)
    return ways


def coins():
    return [change((1, 2, 5, 10), turn % 25) for turn in range(TURNS)]


def nested(items):
    """Two loops, one in the other, and a second one behind them."""
    total = 0
    for item in items:
        if isinstance(item, list):
            total += nested(item)
        else:
            for i in range(item % 4):
                total += i
    for item in items:
        if isinstance(item, int):
            total += item
    return total


def nestings():
    data = [1, [2, 3, [4, [5, 6, 7], 8]], 9, [[10]], [], [11, [12, [13, [14]]]]]
    return [nested(data) for _ in range(TURNS)]


def words(items):
    """A `while` and a `break`, other types, and results of several kinds."""
    at, found = 0, []
    while at < len(items):
        item = items[at]
        at += 1
        if item is None:
            break
        found.append(words(item) if isinstance(item, tuple) else item)
    return found or None


def spoken():
    data = ("a", ("b", 1.5, (2, None, 3)), (), ((None,), "c"), None, "d")
    return [words(data) for _ in range(TURNS)][-2:]


def guarded(items, log):
    for item in items:
        try:
            if item < 0:
                raise ValueError(item)
            guarded(range(item - 2, item // 2), log)
        except ValueError as error:
            log.append(error.args[0])
        finally:
            log.append(item)


def caught():
    logs = []
    for turn in range(TURNS):
        log: list[int] = []
        guarded(range(turn % 6), log)
        logs.append(log)
    return logs[5], logs[-1], sum(map(len, logs))


def failing(items):
    total = 0
    for item in items:
        total += 10 // item if isinstance(item, int) else failing(item)
    return total


def failures():
    found = []
    for turn in range(TURNS):
        try:
            found.append(failing([1, [2, [turn % 3, 4], 5], 6]))
        except ZeroDivisionError as error:
            trace, lines = error.__traceback__, []
            while trace is not None:
                lines.append((trace.tb_frame.f_code.co_name, trace.tb_lineno % 1000))
                trace = trace.tb_next
            found.append((str(error), lines))
    return found[:3], found[-3:]


class Ends:
    def __init__(self, name, log):
        self.name, self.log = name, log

    def __del__(self):
        frame = sys._getframe(1)
        self.log.append((self.name, frame.f_code.co_name, frame.f_lineno % 1000))


def ending(depth, log):
    """Something that runs code when it ends goes with the local of a loop in each call."""
    total = 0
    for i in range(depth):
        held = Ends((depth, i), log)
        total += ending(depth - 1, log) + len(held.log)
    return total


def ends():
    log: list[Any] = []
    totals = [ending(turn % 4, log) for turn in range(TURNS)]
    return totals, log[:30], len(log)


def length(chain):
    return 0 if chain is None else 1 + length(chain[1])


def sums(chain):
    """Deep, with a loop in each call."""
    if chain is None:
        return 0
    total = 0
    for item in chain[0]:
        total += item
    return total + sums(chain[1])


def deep():
    """Deeper than one piece of the stack of frames, at several depths around its end."""
    found = []
    for depth in (5, 90, 100, 110, 120, 130, 200, 400, 450, 700, 120, 5):
        chain = None
        for i in range(depth):
            chain = ((i, 1), chain)
        for _ in range(TURNS // 4):
            found.append((length(chain), sums(chain)))
    return found[::9], len(found)


def deep_with_frames(depth, log):
    if depth == 0:
        log.append(sum(1 for _ in frames_of(sys._getframe())))
        return 0
    return 1 + deep_with_frames(depth - 1, log)


def frames_of(frame):
    while frame is not None and frame.f_code.co_name == "deep_with_frames":
        yield frame
        frame = frame.f_back


def looked_at():
    """All the frames are made, those in later pieces of the stack too."""
    log: list[int] = []
    found = [deep_with_frames(depth, log) for _ in range(TURNS // 3) for depth in (3, 130, 420, 700)]
    return sum(found), log[-4:], len(log)


def raising(depth):
    if depth == 0:
        raise KeyError(depth)
    return 1 + raising(depth - 1)


def raised_deep():
    found = []
    for turn in range(TURNS):
        try:
            raising(turn * 11)
        except KeyError as error:
            trace, lines = error.__traceback__, 0
            while trace is not None:
                trace, lines = trace.tb_next, lines + 1
            found.append(lines)
    return found


def without_end(depth):
    for _ in range(2):
        depth += without_end(depth + 1)
    return depth


def too_deep():
    found = []
    for _ in range(8):
        try:
            without_end(0)
        except RecursionError as error:
            found.append(str(error))
    return found


for function in (
    graphs,
    permuted,
    trees,
    coins,
    nestings,
    spoken,
    caught,
    failures,
    ends,
    deep,
    looked_at,
    raised_deep,
    too_deep,
):
    show(function)
