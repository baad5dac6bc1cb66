"""Generators that end early while they go through others, whose end can be seen: each `finally` runs once, in time."""

from __future__ import annotations

import sys
from typing import Any

from common import show

TURNS = 1000
LOG = []
TEXT: Any = ""


def loud(a):
    try:
        yield a
        yield a
    finally:
        LOG.append(a)


def outer(a):
    for q in loud(a):
        yield q


def delegates(a):
    yield from loud(a)


def two(a):
    for q in outer(a):
        yield q


def raises(a):
    for q in loud(a):
        if a & 1:
            [][a]
        yield q


def returns(a):
    for q in loud(a):
        return q
    yield


def missing(a):
    try:
        yield a
    except Missing:  # noqa: F821
        pass


def by_any():
    for i in range(TURNS):
        any(outer(i + 1))


def by_any_expr():
    for i in range(TURNS):
        any((q for q in loud(i + 1)))


def by_next():
    for i in range(TURNS):
        next(outer(i))


def by_next_expr():
    for i in range(TURNS):
        next((q for q in loud(i)))


def by_loop():
    for i in range(TURNS):
        for x in outer(i):
            break


def by_expr():
    for i in range(TURNS):
        for x in (q for q in loud(i)):
            break


def by_raise():
    for i in range(TURNS):
        try:
            for x in outer(i):
                [][i]
        except IndexError:
            pass


def by_raise_expr():
    for i in range(TURNS):
        try:
            for x in (q for q in loud(i)):
                [][i]
        except IndexError:
            pass


def by_raise_within():
    for i in range(TURNS):
        try:
            for x in raises(i):
                pass
        except IndexError:
            pass


def by_raise_within_expr():
    for i in range(TURNS):
        try:
            for x in ([][q] for q in loud(i)):
                pass
        except IndexError:
            pass


def by_return():
    for i in range(TURNS):
        for x in returns(i):
            pass


def by_store():
    for i in range(TURNS):
        g = outer(i)
        next(g)
        g = None


def by_store_expr():
    for i in range(TURNS):
        g = (q for q in loud(i))
        next(g)
        g = None


def by_del():
    for i in range(TURNS):
        g = outer(i)
        next(g)
        del g


def first(i):
    g = outer(i)
    return next(g)


def by_local():
    for i in range(TURNS):
        first(i)


def first_expr(i):
    g = (q for q in loud(i))
    return next(g)


def by_local_expr():
    for i in range(TURNS):
        first_expr(i)


def by_two():
    for i in range(TURNS):
        for x in two(i):
            break
        any(two(i))
        next(two(i))


def by_delegation():
    for i in range(TURNS):
        for x in delegates(i):
            break
        any(delegates(i))
        next(delegates(i))
        g = delegates(i)
        next(g)
        g = None


def by_zip():
    for i in range(TURNS):
        for x in zip(outer(i), outer(i)):
            break


def by_swap():
    g = h = None
    for i in range(TURNS):
        g, h = outer(i), outer(i)
        next(g), next(h)


def errors_that_nobody_gets():
    """`any` leaves a generator that ends with an error."""
    hook, sys.unraisablehook = sys.unraisablehook, lambda error: LOG.append(error.exc_type.__name__)
    try:
        for i in range(TURNS):
            any(q for q in missing(i + 1))
    finally:
        sys.unraisablehook = hook


def left_before_an_error_with(n, b):
    for _i in range(n):
        for x in (q for q in loud(1)):
            if b:
                break
        try:
            TEXT(x)
        except TypeError as error:
            LOG.append(str(error))


def left_before_an_error():
    """The iterator that a loop leaves is dropped by a general operation, where a guard at that place has failed."""
    left_before_an_error_with(6, 0.1)
    left_before_an_error_with(6, 2)
    left_before_an_error_with(TURNS, 2)
    return [entry for at, entry in enumerate(LOG) if isinstance(entry, str) == (at % 2 == 0)]


def logged(program):
    """The program, with what was noted while it ran."""

    def run():
        LOG.clear()
        return program(), len(LOG), LOG[:3], LOG[-3:]

    run.__qualname__ = program.__qualname__
    return run


PROGRAMS = [
    by_any,
    by_any_expr,
    by_next,
    by_next_expr,
    by_loop,
    by_expr,
    by_raise,
    by_raise_expr,
    by_raise_within,
    by_raise_within_expr,
    by_return,
    by_store,
    by_store_expr,
    by_del,
    by_local,
    by_local_expr,
    by_two,
    by_delegation,
    by_zip,
    by_swap,
    errors_that_nobody_gets,
    left_before_an_error,
]

for program in PROGRAMS:
    show(logged(program))
