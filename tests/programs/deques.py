"""Deques: queues and stacks of several blocks, with and without a limit, at their ends, and emptied too far."""

from __future__ import annotations

import sys
from collections import deque

from common import show

TURNS = 1500
LOG = []


class Loud:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        LOG.append(self.name)


class Own(deque):
    def append(self, item):
        super().append((item, len(self)))

    def __len__(self):
        return super().__len__() + 1


def neighbours(node):
    return [(node * 5 + 1) % 1009, (node * 7 + 3) % 1009]


def breadth_first():
    distance = {0: 0}
    queue = deque([0])
    while queue:
        node = queue.popleft()
        for other in neighbours(node):
            if other not in distance:
                distance[other] = distance[node] + 1
                queue.append(other)
    return len(distance), sum(distance.values()), max(distance.values())


def both_ends():
    items, total = deque(), 0
    for i in range(TURNS):
        items.append(i)
        items.appendleft(-i)
        if i % 3 == 0:
            total += items.pop() * 2 + items.popleft()
    return total, len(items), items[0], items[-1], list(items)[400:410]


def grown():
    items = deque()
    for i in range(TURNS):
        items.append(str(i))
    lengths = 0
    while items:
        lengths += len(items) + len(items.pop())
    return lengths


def with_limit(limit):
    items, total = deque(maxlen=limit), 0
    for i in range(TURNS):
        items.append(Loud(i))
        total += len(items)
        if len(LOG) > 3:
            total += sum(LOG)
            LOG.clear()
    items.clear()
    total += len(LOG)
    LOG.clear()
    return total


def one_limited():
    free, limited, total = deque(), deque(maxlen=3), 0
    for i in range(TURNS):
        queue = limited if i % 700 == 699 else free
        queue.append(i)
        total += len(queue)
    return total, list(limited)


def too_far():
    items, caught = deque(range(TURNS)), 0
    for i in range(TURNS + 50):
        try:
            items.popleft()
        except IndexError as error:
            caught += len(str(error))
    try:
        while True:
            items.pop()
    except IndexError as error:
        return caught, str(error), error.__traceback__.tb_lineno - too_far.__code__.co_firstlineno


def indexed():
    items, total = deque(range(200)), 0
    for i in range(TURNS):
        total += items[i % 200] - items[-1 - i % 200]
        items[i % 200] = items[i % 200] + 1
    try:
        for i in range(TURNS):
            total += items[i]
    except IndexError as error:
        return total, i, str(error)


def of_objects():
    items = deque()
    for i in range(TURNS):
        items.append(Loud(i))
        if len(items) > 2:
            items.popleft()
        if i == 5:
            early = LOG[:]
    count = len(LOG)
    items.clear()
    LOG.clear()
    return early, count


def counts():
    thing = object()
    before = sys.getrefcount(thing)
    items = deque()
    for i in range(TURNS):
        items.append(thing)
        if i % 2:
            items.pop()
    inside = sys.getrefcount(thing) - before
    while items:
        items.popleft()
    return inside, sys.getrefcount(thing) - before


def derived():
    items, total = Own(), 0
    for i in range(TURNS):
        items.append(i)
        total += len(items) + items[-1][1]
        if i % 4 == 3:
            total += items.popleft()[0]
    return total, bool(items)


def kinds_change():
    total = 0
    for i in range(TURNS):
        items = [i, i] if i % 500 == 499 else deque([i, i])
        items.append(total & 7)
        total += items.pop() + items[0]
        if items:
            total += 1
    return total


def changed_while_walked():
    items, turns = deque(range(TURNS)), 0
    try:
        for item in items:
            turns += item
            if turns > 200000:
                items.append(turns)
    except RuntimeError as error:
        return turns, str(error)


def bound():
    items = deque()
    push, take = items.append, items.popleft
    total = 0
    for i in range(TURNS):
        push(i)
        push(i + 1)
        total += take()
    return total, len(items), items[0]


show(breadth_first)
show(both_ends)
show(grown)
show(with_limit, 2)
show(with_limit, 0)
show(with_limit, 10)
show(one_limited)
show(too_far)
show(indexed)
show(of_objects)
show(counts)
show(derived)
show(kinds_change)
show(changed_while_walked)
show(bound)
