"""Calls that leave arguments to the defaults of functions that have traces, some of which change."""

import functools
import sys

from common import show


def long(a, b=3, c=None, d=()):
    if a > 1000:
        return "far"
    total = a + b
    total = total * 2 - a
    if c is not None:
        total += c
    if total % 7 == 0:
        total -= 1
    return (total, len(d))


def kept(item, into=[]):  # noqa: B006
    into.append(item)
    if len(into) > 5:
        del into[:3]
    return len(into) + sum(into) % 11 if item % 3 else tuple(into)


class Scale:
    def __init__(self, by):
        self.by = by

    def apply(self, value, offset=1, limit=50):
        result = value * self.by + offset
        if result > limit:
            result = limit - result % 10
        if result < 0:
            result = -result
        return result


def run(times):
    found = []
    scale = Scale(3)
    for index in range(times):
        found.append(long(index))
        found.append(long(index, index % 4))
        found.append(long(index, 2, 5))
        found.append(long(index, 2, 5, "four"))
        found.append(kept(index))
        found.append(scale.apply(index))
        found.append(scale.apply(index, 2))
        found.append(scale.apply(index, 2, 20))
    return found


def checksum(found):
    return functools.reduce(
        lambda sofar, item: (sofar * 31 + hash(repr(item).count("1")) + len(repr(item))) % 1000003, found, 7
    )


def by_map(times):
    return list(map(long, range(times))) + sorted(range(times), key=Scale(-2).apply)


def refused(times):
    errors = []
    for index in range(times):
        try:
            long() if index % 2 else long(1, 2, 3, 4, 5)
        except TypeError as error:
            errors.append(str(error))
    return errors[-2:]


def changed(times):
    found = []
    for index in range(times):
        if index == times // 3:
            long.__defaults__ = (10, 1, "xyz")
        if index == times // 2:
            long.__defaults__ = (20, None, "", "ignored")[:3]
        if index == 2 * times // 3:
            long.__defaults__ = None
        try:
            found.append(long(index))
        except TypeError as error:
            found.append(str(error))
    long.__defaults__ = (3, None, ())
    return found


class Last:
    """A default that tells when it dies."""

    def __del__(self):
        print("a default dies")


def make():
    def inner(value, default=Last(), more=2):  # noqa: B008
        value = value * more + 1
        if value > 300:
            value -= 300
        if default is None:
            return -1
        default = None
        return value

    return inner


def ends(times):
    inner = make()
    total = 0
    for index in range(times):
        total += inner(index)
    before = sys.getrefcount(inner.__defaults__[0])
    inner.__defaults__ = (1, 1)
    print("changed")
    for index in range(times):
        total += inner(index)
    return total, before


def by_class_body(times):
    scale = Scale(3)
    found = []

    # Loops of class bodies are CPython's, so that these calls are.
    class Body:
        for index in range(times):
            found.append(long(index))
            found.append(long(index, index % 4))
            found.append(long(index, d="four"))
            found.append(kept(index))
            found.append(scale.apply(index))
            found.append(scale.apply(index, 2))
            if index == times // 2:
                long.__defaults__ = (10, 1, "xyz")

    long.__defaults__ = (3, None, ())
    return found


def ends_in_class_body(times):
    inner = make()
    found = []

    class Body:
        for index in range(times):
            found.append(inner(index))
            if index == times // 2:
                found.append(sys.getrefcount(inner.__defaults__[0]))
                inner.__defaults__ = (1, 1)
                print("changed")

    return found


def counts():
    return [sys.getrefcount(default) - sys.getrefcount(object()) for default in kept.__defaults__]


show(lambda: checksum(by_map(900)))
show(lambda: checksum(by_class_body(900)))
show(lambda: checksum(ends_in_class_body(900)))
show(lambda: checksum(run(400)))
show(ends, 900)
show(refused, 300)
show(lambda: checksum(changed(900)))
show(changed, 12)
show(counts)
