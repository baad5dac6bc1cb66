"""Loops within the arguments of a call: traces begin while callable, receiver and first arguments are on the stack."""

from __future__ import annotations

from common import show


def named_argument(n, a):
    # The null below the arguments was passed as one where the call has names.
    found = []
    for i in range(n):
        low = max(a, 2, key=[q for q in (lambda v: -v * i for w in range(3))][-1])
        found.append((low, sorted((3, i % 5, 1), key=[q for q in (None for w in range(3))][-1])))
    return found[-7:], len(found)


def positional_arguments(n, a):
    found = []
    for i in range(n):
        found.append(max(a, [q for q in (w * i for w in range(3))][-1]))
        found.append(str.join(",", [q for q in (str(w) for w in range(i % 4))]))
    return found[-7:], len(found)


def spread_arguments(n, a):
    found = []
    for i in range(n):
        found.append(max(a, *[q for q in (w * i for w in range(3))]))
        found.append(dict(a=a, **{str(q): q for q in (w + i for w in range(2))}))
    return found[-7:], len(found)


class Of:
    def __init__(self, a):
        self.a = a

    def method(self, b, *, c=1, d=2):
        return self.a, b, c, d

    def rest(self, *b, **c):
        return self.a, b, c


def methods(n, a):
    found, of = [], Of(a)
    for i in range(n):
        found.append(of.method(i, d=[q for q in (w * i for w in range(3))][-1]))
        found.append(of.rest(i, d=[q for q in (w * i for w in range(3))][-1]))
        found.append(Of.method(of, i, c=[q for q in (w * i for w in range(3))][-1]))
    return found[-7:], len(found)


def fails(a, b=1, *, z=1):
    return fails(a, b - 1) if b > 0 else z % a


def raising(n, a):
    errors = []
    for i in range(n):
        try:
            fails(a, z=[q for q in (q + a for q in range(3))][-1])
        except ZeroDivisionError as error:
            errors.append((i, str(error)))
    return errors[-3:], len(errors)


def given(*values):
    return values


def raising_below(n, a):
    # The exception goes through a call that has not begun, with a null below its arguments.
    errors = []
    for i in range(n):
        try:
            given(i, fails(a, z=[q for q in (q + a for q in range(3))][-1]))
        except ZeroDivisionError as error:
            errors.append((i, str(error)))
    return errors[-3:], len(errors)


for function, start in (
    (named_argument, 1),
    (positional_arguments, 4),
    (spread_arguments, 4),
    (methods, "of"),
    (raising, 0),
    (raising_below, 0),
):
    for turns in (3, 70, 400):
        show(function, turns, start)
