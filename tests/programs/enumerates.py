"""Loops over `enumerate`, whose tuple is used again from turn to turn."""

import sys

from common import show


class Loud:
    """Says when it dies."""

    def __del__(self):
        print("dies")


def weighted(items):
    total = 0
    for i, x in enumerate(items):
        total += i * x
    return total


def branches(items):
    total = 0
    for i, x in enumerate(items):
        if x > 3:
            total += i
        elif x > 2.5:
            total -= 1
        else:
            total += x
    return total


def nested(n, items):
    total = 0
    for k in range(n):
        for i, x in enumerate(items, k):
            total += i * x
            if total > 100000:
                total -= 100000
    return total


def broken_off(items):
    numbered = enumerate(items)
    for i, x in numbered:
        if i == 1500:
            break
    counts = [sys.getrefcount(items[k]) for k in (1498, 1499, 1500, 1501)]
    return i, x == items[1500], next(numbered)[0], counts, sys.getrefcount(items)


def tuples_kept(items):
    out = None
    for pair in enumerate(items):
        if pair[0] == 1200:
            out = pair
    return out, pair


def list_changes(items):
    total = 0
    for i, x in enumerate(items):
        if i < 1000:
            items[i] = x + 1
        total += x
        if i == 1600:
            items.append(5)
    return total, len(items)


def objects(items):
    count = 0
    for i, x in enumerate(items):
        if x is None:
            count += i
    return count, sys.getrefcount(items[-1])


def item_dies(items):
    for i, _ in enumerate(items):
        if i == 1001:
            items[1000] = None
        if i == 1005:
            return i


def shared_iterator(items):
    iterator = iter(items)
    total = 0
    for i, x in enumerate(iterator):
        total += i * x
        for y in iterator:
            total += y
            break
    return total


def all_of_them(n):
    numbers = list(range(n))
    loud = [None] * n
    loud[1000] = Loud()
    return [
        weighted([1.5] * n),
        weighted(numbers),
        weighted([2] * n + [2.5] * n),
        branches([k % 5 for k in numbers]),
        branches([k % 5 * 0.7 for k in numbers]),
        nested(50, numbers[:60]),
        nested(50, [0.5] * 60),
        broken_off([object() for _ in numbers]),
        broken_off([k * 1.5 for k in numbers]),
        tuples_kept(numbers),
        list_changes(list(numbers)),
        objects([None, 1, float("7.25")] * 500),
        item_dies(loud),
        shared_iterator(numbers),
        weighted(tuple(numbers)),
        weighted(dict.fromkeys(numbers, 1)),
        weighted(iter(range(n))),
        weighted([]),
        sum(i * x for i, x in enumerate(range(n))),
    ]


for _ in range(3):
    show(all_of_them, 2000)
