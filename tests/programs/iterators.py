"""Iterators that others hold: exhausted in a loop, used again, copied, pickled."""

import copy
import pickle
import sys

from common import show


def used_up(n, make):
    """An iterator that a loop has used up stays so."""
    left = []
    for i in range(n):
        it = make()
        for v in it:
            pass
        if i > n - 3:
            left.append((next(it, "gone"), list(it), next(it, "gone")))
    return left


def used_up_in_inner_loop(n):
    total = 0
    for i in range(n):
        it = iter([i, 7, 0.5, 1])
        for j in it:
            for k in range(6, 0, -2):
                for v in it:
                    total += v
                else:
                    total += k
        total += next(it, 100)
    return total


def shared(values):
    it = iter(values)
    pairs = 0
    for a in it:
        for b in it:
            pairs += a * b
            if b % 5 == 0:
                break
    return pairs, next(it, None)


def copied(values, way):
    it = iter(values)
    total = 0
    for v in it:
        total += v
        if v % 700 == 699:
            other = way(it)
            total += next(other, 0)
            total -= len(list(other)) - len(list(way(it)))
    return total, it.__length_hint__() if hasattr(it, "__length_hint__") else None


def hints(n):
    it = iter(list(range(n)))
    seen = []
    for v in it:
        if v % 500 == 250:
            seen.append((v, it.__length_hint__(), it.__reduce__()[2]))
    seen.append((it.__length_hint__(), it.__reduce__()[1:]))
    return seen


def extended_after_the_end(n):
    values = list(range(n))
    it = iter(values)
    total = 0
    for v in it:
        total += v
    values.append(5)
    return total, list(it), sys.getrefcount(values)


def grows_while_looped(n):
    values = [0]
    for v in values:
        if v < n:
            values.append(v + 1)
    return len(values), sum(values)


def shrinks_while_looped(n):
    values = list(range(n))
    total = 0
    for v in values:
        total += v
        if v % 3 == 0:
            values.pop()
    return total, len(values)


def through_pickle(it):
    return pickle.loads(pickle.dumps(it))


show(used_up, 1500, lambda: iter([1, 2, 3]))
show(used_up, 1500, lambda: iter((1, 2, 3)), note=" (tuple)")
show(used_up, 1500, lambda: iter(range(3)), note=" (range)")
show(used_up, 1500, lambda: iter([]), note=" (empty)")
show(used_up_in_inner_loop, 900)
for size in (1500, 1501):
    show(shared, list(range(size)))
    show(shared, tuple(range(size)), note=" (tuple)")
    show(shared, range(size), note=" (range)")
for values in (list(range(2100)), tuple(range(2100)), range(2100)):
    show(copied, values, copy.copy, note=f" {type(values).__name__} by copy")
    show(copied, values, through_pickle, note=f" {type(values).__name__} by pickle")
show(hints, 2000)
show(extended_after_the_end, 2000)
show(grows_while_looped, 2000)
show(shrinks_while_looped, 2000)
