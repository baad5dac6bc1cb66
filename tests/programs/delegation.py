"""Chains of generators: `yield from` within `yield from`, what can be seen of them, and how they end."""

from __future__ import annotations

import gc
import sys
import weakref
from typing import Any

from chains import Tree, deep, names_below, outer, tree
from common import show

TURNS = 120


def digest(iterable):
    s = 0
    for x in iterable:
        s = (s * 3 + x) & 0xFFFF
    return s


def trees():
    root = tree(range(300))
    floats = tree([i / 2 for i in range(200)])
    results = [digest(root) for _ in range(6)] + [digest(root.walk()) for _ in range(6)]
    for _ in range(6):
        s = 0.0
        for x in floats:
            s += x
        results.append(s)
    return results


def consumers():
    root = tree(range(100))
    results: list[Any] = []
    for _ in range(8):
        results = [
            list(root) == list(range(100)),
            sum(root),
            max(root.walk()),
            sorted(root, reverse=True)[:3],
            sum(x * x for x in root),
            [x for x in root if x % 17 == 0],
            dict.fromkeys(root.walk()) == dict.fromkeys(range(100)),
        ]
        found = []
        for a, b in zip(root, root.walk(), strict=True):
            if a != b:
                found.append((a, b))
        results.append(found)
    return results


def two_at_once():
    """Loops within loops, both over chains."""
    first, second = tree(range(40)), tree(range(30))
    s = 0
    for x in first:
        for y in second:
            s += x * y
        for y in first.walk():
            s -= y
    return s


def leaving():
    """Loops that are left early, again and again, and generators that come at the same addresses."""
    root, results = tree(range(200)), []
    for end in range(0, 200, 3):
        s = 0
        for x in root:
            if x == end:
                break
            s += x
        results.append(s)
    return results


def results_and_exceptions():
    results = []
    for k in range(40):
        log: list[Any] = []
        s = 0
        for x in outer(k % 12, log):
            s += x
        results.append((s, log))
    return results[27:]


def closing():
    results = []
    for k in range(40):
        log: list[Any] = []
        generator = outer(20, log)
        for x in generator:
            if x == k % 6:
                break
        generator.close()
        results.append(log)
    return results[-7:]


def throwing():
    results = []
    for k in range(30):
        log: list[Any] = []
        generator, s = outer(20, log), 0
        for x in generator:
            s += x
            if x == 4:
                s += generator.throw(ValueError("thrown")) + generator.send(None)
        results.append((s, log))
    return results[-2:]


def stack():
    return names_below(sys._getframe(1))


def looks(n):
    for i in range(n):
        yield stack()


def passes(n, depth):
    if depth:
        yield from passes(n, depth - 1)
    else:
        yield from looks(n)


def frames():
    seen = set()
    for x in passes(TURNS, 5):
        seen.add(x)
    return sorted(seen)


def raises(n):
    if n == 0:
        for i in range(20):
            yield i
        raise KeyError("end")
    yield from raises(n - 1)


def tracebacks():
    result: Any = None
    for n in range(30):
        s = 0
        try:
            for x in raises(n % 9):
                s += x
        except KeyError as error:
            tb, lines = error.__traceback__, []
            while tb:
                lines.append((tb.tb_lineno - tb.tb_frame.f_code.co_firstlineno, tb.tb_lasti))
                tb = tb.tb_next
            result = s, len(lines), lines[:4], error.__context__
    return result


def endless(n):
    s = 0
    try:
        for x in deep(n):
            s += 1 + x
            if s > 60:
                return s
    except RecursionError:
        return "too deep"


def recursion():
    limit = sys.getrecursionlimit()
    frame, here = sys._getframe(), 0
    while frame:
        here, frame = here + 1, frame.f_back
    sys.setrecursionlimit(here + 300)
    try:
        return [endless(n) for n in (3, 100, 200, 250, 320, 400)]
    finally:
        sys.setrecursionlimit(limit)


def grows(n):
    """Deeper with each item."""
    yield n
    yield from grows(n + 1)


def growing():
    limit = sys.getrecursionlimit()
    frame, here = sys._getframe(), 0
    while frame:
        here, frame = here + 1, frame.f_back
    sys.setrecursionlimit(here + 300)
    results = []
    try:
        for _ in range(3):
            last = 0
            try:
                for x in grows(0):
                    last = x
            except RecursionError as error:
                results.append((280 < last < 305, type(error)))
    finally:
        sys.setrecursionlimit(limit)
    return results


def within():
    """Asked, sent to and closed from its own inside; looked at from outside."""
    generator: Any = None

    def lower():
        for i in range(30):
            if i == 20:
                for ask in (lambda: next(generator), lambda: generator.send(None), lambda: generator.close()):
                    try:
                        ask()
                    except ValueError as error:
                        yield str(error)
                line = generator.gi_frame.f_lineno - within.__code__.co_firstlineno
                yield generator.gi_running, generator.gi_suspended, line
            yield i

    def upper():
        yield from lower()

    def top():
        yield from upper()

    results: list[Any] = []
    for _ in range(4):
        results = []
        generator = top()
        for x in generator:
            below = generator.gi_yieldfrom and generator.gi_yieldfrom.gi_yieldfrom
            shown = generator.gi_running, generator.gi_suspended, generator.gi_frame.f_lasti, generator.gi_frame.f_back
            results.append((x, shown, below and below.gi_frame.f_lasti))
    return results[17:26]


def handled():
    """What is being handled where a generator is asked."""

    def lower():
        for _ in range(30):
            yield repr(sys.exception())

    def upper():
        try:
            1 / 0
        except ZeroDivisionError:
            yield from lower()

    def top():
        try:
            raise KeyError
        except KeyError:
            yield from upper()
            yield repr(sys.exception())
        yield repr(sys.exception())

    results: list[Any] = []
    for _ in range(4):
        results = []
        for x in top():
            results.append((x, repr(sys.exception())))
    return results[-4:]


def meddling():
    """The consumer steps, closes and replaces generators of the chain."""
    log: list[Any] = []

    def lower(n):
        for i in range(n):
            yield i
        return n

    def upper(below):
        for _ in range(3):
            log.append((yield from below[0]))
            below[0] = lower(5)

    results = []
    for turn in range(60):
        below = [lower(20)]
        generator, s = upper(below), 0
        for x in generator:
            s = s * 2 + x & 0xFFFFF
            if x == 10 and turn % 4 == 1:
                s += next(below[0])
            if x == 12 and turn % 4 == 2:
                below[0].close()
            if x == 14 and turn % 4 == 3:
                s += next(generator) + next(generator)
        results.append(s)
    return results[-5:], log[-9:]


def held():
    """Generators that live on, and what they hold."""

    class Thing:
        pass

    def lower(thing, n):
        for i in range(n):
            yield i
        thing.n = n

    def upper(kept, thing):
        for n in (3, 0, 9):
            generator = lower(thing, n)
            kept.append(generator)
            yield from generator

    thing, kept = Thing(), []
    before = sys.getrefcount(thing)
    for _ in range(50):
        kept.clear()
        s = 0
        for x in upper(kept, thing):
            s += x
    states = [(g.gi_frame, g.gi_running, g.gi_suspended, sys.getrefcount(g)) for g in kept]
    references = [weakref.ref(g) for g in kept]
    kept.clear()
    del upper
    gc.collect()
    return s, states, [reference() for reference in references], sys.getrefcount(thing) - before, thing.n


def counts():
    """References to what a tree holds do not change."""
    root = tree([object() for _ in range(60)])
    value, branch, none = root.value, root.left, object()
    before = [sys.getrefcount(x) for x in (value, branch, none, root, Tree.__iter__)]
    for _ in range(30):
        for x in root:
            none = x
    none = object()
    after = [sys.getrefcount(x) for x in (value, branch, none, root, Tree.__iter__)]
    return [b - a for a, b in zip(before, after, strict=True)]


class Deaf:
    """Its truth changes."""

    def __init__(self, n):
        self.n = n


def truth(things):
    for thing in things:
        if thing:
            yield from range_of(thing.n)
        else:
            yield -1


def range_of(n):
    i = 0
    while i < n:
        yield i
        i += 1


def truths():
    things = [Deaf(i % 5) for i in range(200)]
    results = [digest(truth(things))]
    Deaf.__bool__ = lambda self: self.n % 2 == 0
    results.append(digest(truth(things)))
    del Deaf.__bool__
    Deaf.__len__ = lambda self: self.n % 3
    results.append(digest(truth(things)))
    del Deaf.__len__
    results.append(digest(truth(things)))
    return results


def wrong():
    """Things that are not iterable."""
    results = []

    def from_it(value):
        yield 1
        yield from value

    async def coroutine():
        pass

    for k in range(40):
        waiting = coroutine()
        values = (5, waiting, None) if k % 8 == 0 else ((), [2], "ab")
        for value in values:
            try:
                for x in from_it(value):
                    last = x
            except TypeError as error:
                last = str(error)
            results.append(last)
        waiting.close()
    return results[-9:], results[:3]


def traced():
    """Somebody begins to watch in the midst of a chain."""
    seen = []

    def watch(frame, event, _):
        if frame.f_code.co_name in ("lower", "upper"):
            seen.append((frame.f_code.co_name, event, frame.f_lineno - traced.__code__.co_firstlineno))
        return watch

    def lower(n):
        for i in range(n):
            if i == n - 2:
                sys.settrace(watch)
            yield i

    def upper(n):
        yield from lower(n)

    for _ in range(3):
        s = 0
        for x in upper(TURNS):
            s += x
        sys.settrace(None)
    return s, seen[-12:]


for function in (
    trees,
    consumers,
    two_at_once,
    leaving,
    results_and_exceptions,
    closing,
    throwing,
    frames,
    tracebacks,
    recursion,
    growing,
    within,
    handled,
    meddling,
    held,
    counts,
    truths,
    wrong,
    traced,
):
    show(function)
