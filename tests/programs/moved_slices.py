"""`a[i:j] = b[k:l:m]`: the slice in between is not made."""

from __future__ import annotations

import sys

from common import show


class Noisy:
    def __init__(self, name, log):
        self.name, self.log = name, log

    def __del__(self):
        self.log.append(self.name)


def flips(perms):
    seen = []
    for perm in perms:
        perm = list(perm)
        count = 0
        k = perm[0]
        while k:
            perm[: k + 1] = perm[k::-1]
            count += 1
            k = perm[0]
        seen.append((count, perm))
    return seen


def permutations(n):
    if n == 0:
        return [[]]
    return [p[:i] + [n - 1] + p[i:] for p in permutations(n - 1) for i in range(n)]


def same_list(n):
    a = list(range(10))
    seen = []
    for i in range(n):
        k = i % 12
        a[: k + 1] = a[k::-1]
        a[k:] = a[k:]
        a[2:5] = a[4:1:-1]
        a[1:4] = a[2:5]
        a[0:3] = a[6:0:-2]
        if len(a) > 12 or len(a) < 5:
            seen.append(a)
            a = list(range(10))
    return a, seen


def two_lists(n):
    a, b = [0] * 6, [float(i) for i in range(9)]
    c = a
    for i in range(n):
        k = i % 7
        a[:k] = b[:k]
        b[k : k + 2] = c[k - 2 : k]
        a[-3:] = c[:3]
        a[1:3] = b[i % 3 : i % 3 + 2]
        if len(b) > 20:
            b[5:] = b[:3]
    return a, b, a is c


def grows(n):
    a = [1, 2, 3]
    lengths = []
    for i in range(n):
        a[1:2] = a[0:3]
        lengths.append(len(a))
        if len(a) > 30:
            a[2:] = a[:1]
    return lengths, a


def steps(n):
    a = list(range(20))
    for i in range(n):
        step = (i % 4) + 1
        a[0:5] = a[i % 5 : i % 5 + 5 * step : step]
        a[3:9] = a[19:2:-3]
        if len(a) != 20:
            a = list(range(20))
    return a


def no_step(n):
    a = list(range(5))
    caught = 0
    for i in range(n):
        try:
            a[0:2] = a[0 : 2 : i % 97]
        except ValueError:
            caught += 1
    return caught, a[:5]


def bounds_that_are_large(n):
    a = list(range(8))
    big = 2**62
    for i in range(n):
        a[: big + i] = a[big + i :: -1]
        a[-big - i : big] = a[:big]
        if i == n - 2:
            big = 2**63 - 3
    return a


def deaths(n):
    log = []
    a = [Noisy(i, log) for i in range(4)]
    b = [Noisy(i + 100, log) for i in range(4)]
    for i in range(n):
        a[1:2] = b[i % 4 : i % 4 + 1]
        log.append(-i)
        if i % 50 == 49:
            b[0:2] = a[0:2]
            b[2:4] = [Noisy(1000 + i, log), Noisy(2000 + i, log)]
    del a[:], b[:]
    return log


def other_types(n):
    class Items(list):
        def __setitem__(self, key, value):
            super().__setitem__(key, value)
            kinds.append(type(value).__name__)

        def __getitem__(self, key):
            return list(super().__getitem__(key))

    kinds = []
    lists = [[1, 2, 3, 4]] * n + [Items([1, 2, 3, 4])] * 3
    for a in lists:
        a[:2] = a[1::-1]
    text = [list("abcd")] * n + ["abcd"]
    for b in text:
        try:
            b[:2] = b[1::-1]
        except TypeError as error:
            kinds.append(str(error))
    return kinds, lists[0], lists[-1], text[0]


def identities(n):
    a = [1000.5, 2000.5, 3000.5, 4000.5]
    first = a[0]
    for i in range(n):
        a[:4] = a[3::-1]
        x = a[0]
        a[0] += 1.0
        a[0:1] = a[3:4]
        if a[0] is not a[3] or x is first:
            return i
        a[0:1] = [x]
    return a, first


def kept_numbers(n):
    # A bound that a list and a local have, too large for CPython to keep it for ever: the call takes no reference.
    a = [1000 + i for i in range(400)]
    a[0] = 300
    k = a[0]
    for _ in range(n):
        a[: k + 1] = a[k::-1]
        a[0] = k + 1 if k < 390 else 300
        k = a[0]
    before = sys.getallocatedblocks()
    for _ in range(10 * n):
        a[: k + 1] = a[k::-1]
        a[0] = k + 1 if k < 390 else 300
        k = a[0]
    return sys.getallocatedblocks() - before > 5 * n, k


for function in (same_list, two_lists, grows, steps, no_step, bounds_that_are_large, deaths, other_types, identities):
    show(function, 300)
show(kept_numbers, 60)
show(flips, permutations(6))
