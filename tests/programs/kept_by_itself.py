"""A variable that is assigned what only it holds, as an object that a trace made of a number."""

import sys

from common import text


class Box:
    def __init__(self, value):
        self.value = value


def same(x):
    return x


def clamp(x):
    return x if -1e30 < x < 1e30 else 3


def kept(n, box):
    v = 0
    for i in range(n):
        box.value = v
        box = Box(7)
        v = same(v)
        v = 2**40 - i
    return v, box.value


def kept_float(n, box):
    v = 0.5
    for i in range(n):
        box.value = v
        box = Box(7)
        v = clamp(v)
        w = v
        v = clamp(v * 1.5 if i % 7 else 0.25)
        w = same(w)
    return v, w, box.value


def kept_pair(n, box):
    v = w = 10**6
    for i in range(n):
        box.value = (v, w)
        box = Box(None)
        v, w = same(w), same(v)
        v = 2**33 + i
        w = same(w)
    return v, w, box.value


def main():
    box = Box(3)
    before = sys.getrefcount(box)
    for n in (1, 60, 300, 1500):
        print(text(kept(n, box)), text(kept_float(n, box)), text(kept_pair(n, box)))
    print(sys.getrefcount(box) - before)


main()
