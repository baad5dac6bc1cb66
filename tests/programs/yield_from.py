"""Generators that delegate to generators: who sees what of the chain, how it ends, and what comes through it."""

from __future__ import annotations

import sys
from typing import Any

from chains import deep, names_below, outer, tree
from common import show


def trees():
    found = set()
    root = tree(range(300))
    for _ in range(5):
        s = 0
        for x in root:
            s = (s * 3 + x) & 0xFFFF
        found.add(s)
    return found


def results():
    found = []
    for k in range(40):
        log: list[Any] = []
        s = 0
        for x in outer(k % 12, log):
            s += x
        found.append((s, log))
    return found[-12:]


def closed_early():
    found = set()
    for k in range(60):
        log: list[Any] = []
        generator = outer(20, log)
        for x in generator:
            if x == k % 6:
                break
        generator.close()
        found.add(tuple(log))
    return found


def stacks():
    def lowest():
        for _ in range(50):
            yield names_below(sys._getframe())

    def between():
        yield from lowest()

    def highest():
        yield from between()

    seen = set()
    for _ in range(5):
        for names in highest():
            seen.add(names)
    return len(seen), sorted(seen)[0][:3]


def raises_below(n):
    if n == 0:
        yield from range(20)
        raise KeyError("x")
    yield from raises_below(n - 1)


def exceptions():
    found = []
    for k in range(30):
        s = 0
        try:
            for x in raises_below(k % 9):
                s += x
        except KeyError as error:
            places = []
            trace = error.__traceback__
            while trace:
                places.append((trace.tb_lineno - trace.tb_frame.f_code.co_firstlineno, trace.tb_lasti))
                trace = trace.tb_next
            found.append((s, len(places), places[1:3], error.__context__))
    return found[-9:]


def too_deep():
    found = []
    for n in (3, 100, 400, 900, 1200):
        s = 0
        try:
            for _ in deep(n):
                s += 1
                if s > 20:
                    break
        except RecursionError:
            s = -1
        found.append(s)
    return found


def asks_itself():
    found = []
    generator: Any = None

    def lowest():
        for i in range(30):
            if i == 20:
                for ask in (generator.__next__, lambda: generator.send(None), generator.close):
                    try:
                        ask()
                    except ValueError as error:
                        yield str(error)
                yield generator.gi_running, generator.gi_suspended, generator.gi_yieldfrom
            yield i

    def between():
        yield from lowest()

    def highest():
        yield from between()

    generator = highest()
    for x in generator:
        below = generator.gi_yieldfrom and generator.gi_yieldfrom.gi_yieldfrom
        found.append((x, generator.gi_running, generator.gi_suspended, below and below.gi_frame.f_lasti))
    return found[17:26]


def handled():
    def lowest():
        for _ in range(30):
            yield repr(sys.exception())

    def between():
        try:
            raise ZeroDivisionError
        except ZeroDivisionError:
            yield from lowest()

    def highest():
        try:
            raise KeyError
        except KeyError:
            yield from between()
        yield repr(sys.exception())

    found = []
    for x in highest():
        found.append((x, repr(sys.exception())))
    return found[-3:]


def sent_and_thrown():
    log: list[Any] = []
    found = []
    for k in range(40):
        generator = outer(6, log)
        for x in generator:
            if x == 4:
                found.append(generator.send(k))
            if x == 5 and k % 3 == 0:
                found.append(generator.throw(ValueError("thrown")))
    return sum(found), len(log), log[-5:]


PROGRAMS = [
    trees,
    results,
    closed_early,
    stacks,
    exceptions,
    too_deep,
    asks_itself,
    handled,
    sent_and_thrown,
]

for program in PROGRAMS:
    show(program)
