"""Numbers that stay in a list, a tuple or an attribute when a local gets them: identity, references, changes there."""

from __future__ import annotations

import sys

from common import show


def total(xs):
    t = 0.0
    for x in xs:
        t += x
    return t, x, x is xs[-1], sys.getrefcount(x) - sys.getrefcount(xs[0])


def last_above(xs, n):
    found = None
    for i in range(n):
        x = xs[i % len(xs)]
        if x > 50:
            found = x
    return found, found is xs[xs.index(found)], sys.getrefcount(found)


def swapped(xs, n):
    for i in range(n):
        a = xs[i % 7]
        b = xs[(i + 1) % 7]
        xs[i % 7], xs[(i + 1) % 7] = b, a
    return xs, a, b


def changed_in_place(xs, n):
    for i in range(n):
        x = xs[3]
        xs[3] += 1.0
        if x == xs[3] or x is xs[3]:
            return i
    return xs, x


def changed_elsewhere(xs, ys, n):
    for i in range(n):
        x = xs[i % 5]
        ys[i % 5] += 1.0
        if x + 1.0 != ys[i % 5]:
            return i
    return xs is ys, x


def changed_attribute(n):
    class Point:
        pass

    p = Point()
    p.x = 0.5
    for i in range(n):
        x = p.x
        p.x += 1.0
        if x == p.x:
            return i
    return p.x, x


def numbered(xs):
    s = 0
    for i, x in enumerate(xs):
        s += i * x
    return s, i, x, x is xs[-1]


def unpacked(pairs):
    s = 0.0
    for a, b in pairs:
        s += a * b
    return s, a, b


def counts(xs):
    seen = []
    for x in xs:
        seen.append(sys.getrefcount(x))
    return seen[-5:], sys.getrefcount(x)


def nested(rows):
    t = 0.0
    for row in rows:
        for x in row:
            t += x
    return t, x, row is rows[-1]


def copied(a, b):
    for i in range(len(a)):
        x = a[i]
        b[i] = x
    return x, x is a[-1], b[-1] is x, sys.getrefcount(x) - sys.getrefcount(a[0])


def previous(xs):
    before = None
    n = 0
    for x in xs:
        if before is x:
            n += 1
        before = x
    return n, before is xs[-1]


def mixed(xs):
    t = 0
    for x in xs:
        t += x
    return t


def deleted(xs):
    t = 0
    for i in range(len(xs)):
        x = xs[i]
        t += x
        if i % 3 == 0:
            del x
    return t


def list_gone(n):
    t = 0.0
    for i in range(n):
        xs = [i + 0.5, i + 1.5]
        x = xs[0]
        xs = None
        t += x
    return t, x


def popped(n):
    xs = [i + 1000 for i in range(n)]
    t = 0
    while xs:
        x = xs[-1]
        xs.pop()
        t += x
    return t, x, sys.getrefcount(x)


def seen_from_outside(xs):
    t = 0.0
    for i in range(len(xs)):
        x = xs[i]
        t += x
        if i % 100 == 99:
            t += len(locals()) + locals()["x"]
    return t


def raised(xs):
    caught = []
    for i in range(len(xs)):
        x = xs[i]
        try:
            if i % 50 == 49:
                raise ValueError(x)
        except ValueError as error:
            caught.append(error.args[0] is x)
    return caught[-3:], x


def shared_lists(n):
    rows = [[float(i)] for i in range(5)]
    t = 0.0
    for i in range(n):
        row = rows[i % 5]
        x = row[0]
        t += x
        row = rows[(i + 1) % 5]
        t -= row[0]
    return t, x, row is rows[n % 5], sys.getrefcount(row)


floats = [i * 1.5 for i in range(1500)]
ints = [i * 1000 for i in range(1500)]
for _ in range(2):
    show(total, floats)
    show(last_above, floats, 1500)
    show(swapped, list(floats[:7]), 900)
    show(changed_in_place, [x + 0.5 for x in floats[:7]], 900)
    show(changed_elsewhere, same := [x + 0.5 for x in floats[:7]], same, 900)
    show(changed_attribute, 900)
    show(numbered, floats)
    show(numbered, ints)
    show(unpacked, list(zip(floats, ints, strict=True)))
    show(counts, floats)
    show(nested, [floats[: 10 + i % 3] for i in range(300)])
    show(copied, floats, [None] * 1500)
    show(previous, [x for x in floats for _ in (1, 2)])
    show(mixed, ints[:800] + floats[:800] + ints[:500])
    show(deleted, floats)
    show(list_gone, 900)
    show(popped, 900)
    show(seen_from_outside, floats)
    show(raised, floats)
    show(shared_lists, 900)
