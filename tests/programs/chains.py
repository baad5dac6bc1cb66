"""Generators that delegate to generators, for programs that look at such chains. No program by itself."""

from __future__ import annotations

import sys
import traceback


class Tree:
    def __init__(self, left, value, right):
        self.left = left
        self.value = value
        self.right = right

    def __iter__(self):
        if self.left:
            yield from self.left
        yield self.value
        if self.right:
            yield from self.right

    def walk(self):
        if self.left is not None:
            yield from self.left.walk()
        yield self.value
        if self.right is not None:
            yield from self.right.walk()


def tree(values):
    if not values:
        return None
    middle = len(values) // 2
    return Tree(tree(values[:middle]), values[middle], tree(values[middle + 1 :]))


def names_below(frame):
    names = []
    while frame and frame.f_code.co_name not in ("show", "<module>"):
        names.append((frame.f_code.co_name, frame.f_lineno - frame.f_code.co_firstlineno))
        frame = frame.f_back
    return tuple(names)


def inner(n, log):
    try:
        for i in range(n):
            if i == 7:
                raise ValueError(i)
            got = yield i
            if got is not None:
                log.append(got)
    finally:
        log.append("finally")
    return "done"


def middle(n, log):
    while True:
        try:
            log.append((yield from inner(n, log)))
            yield -1
            return 5
        except ValueError as error:
            log.append(str(error))
            n = 3
            log.append(names_below(sys._getframe()))
            log.append(traceback.format_exc().count("in inner"))


def outer(n, log):
    log.append((yield from middle(n, log)))
    log.append((yield from [1, 2, 3]))
    return 9


def deep(n):
    if n:
        yield from deep(n - 1)
    else:
        while True:
            yield n
