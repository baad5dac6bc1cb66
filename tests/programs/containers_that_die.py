"""Instances of classes that extend containers die: with what they hold, and with finalizers and weak references."""

import weakref

from common import show


class Row(list):
    pass


class Table(dict):
    def __init__(self, name):
        self.name = name


class Pair(tuple):
    pass


class Group(set):
    pass


class Deep(Row):
    __slots__ = ("extra",)


class Loud:
    def __init__(self, log, mark):
        self.log = log
        self.mark = mark

    def __del__(self):
        self.log.append(self.mark)


class LoudRow(list):
    def __del__(self):
        DYING.append(len(self))


DYING = []


def add_all(n):
    row = Row()
    for i in range(3):
        row.append(n + i)
    return row


def lists(n):
    total = 0
    for i in range(n):
        todo = add_all(i)
        total += todo.pop()
    return total


def fill(i):
    table = Table(str(i))
    table[i] = [i]
    table.back = table.name
    pair = Pair((i, [i]))
    group = Group((i, i + 1))
    deep = Deep((i, table, pair))
    deep.extra = group
    return deep[0] + len(group)


def many_kinds(n):
    total = 0
    for i in range(n):
        total += fill(i)
    return total


def hold(i, log):
    row = Row()
    row.append(Loud(log, i))
    log.append(-i)
    return i


def finalizers_of_items(n):
    log = []
    for i in range(n):
        hold(i, log)
    return log[:10], len(log), all(a == -b for a, b in zip(log[::2], log[1::2]))


def loud(i):
    row = LoudRow()
    row.append(i)
    row.append(i)
    return i


def finalizers_of_lists(n):
    total = 0
    for i in range(n):
        total += loud(i)
    return total, len(DYING), sum(DYING)


def watched(i, log):
    row = Row((i,))
    if i % 50 == 20:
        log.append(weakref.ref(row, lambda ref, log=log, i=i: log.append(i)))
    return row[0]


def weak_references(n):
    log = []
    total = 0
    for i in range(n):
        total += watched(i, log)
    return total, [entry for entry in log if isinstance(entry, int)]


def circle(i):
    row = Row((i,))
    row.append(row)
    other = Row((row, i))
    return len(other)


def circles(n):
    total = 0
    for i in range(n):
        total += circle(i)
    return total


class Point:
    def __init__(self, x, y):
        self.x = x
        self.y = y


def plain_attributes(n):
    """Most have plain attributes only; some have others, or a dict that is seen, or one attribute twice."""
    total = 0.0
    kept = []
    for i in range(n):
        a = Point(i * 0.5, str(i))
        if i % 40 == 3:
            a.x = [a.y]
        if i % 60 == 5:
            kept.append(vars(a))
        if i % 70 == 6:
            a.x = a.y = Row((i,))
        if i % 80 == 7:
            a.x = Loud(kept, i)
        if i % 90 == 8:
            kept.append(weakref.ref(a, lambda ref, i=i: kept.append(-i)))
        total += len(a.y)
    del a
    seen = [entry for entry in kept[:60] if isinstance(entry, (int, dict))]
    return total, [entry if isinstance(entry, int) else sorted(map(str, entry.values())) for entry in seen]


def methods_of_builtin_bases(n):
    table = Table("t")
    row = Row()
    row.note = 1
    total = 0
    for i in range(n):
        add, get = row.append, table.get
        add(i)
        total += get(i, 2)
    return total, len(row), row.note


def short_lived_class(n):
    total = 0
    for i in range(n):

        class Here(list):
            pass

        here = Here((i, i))
        total += len(here)
    return total


show(lists, 2000)
show(many_kinds, 2000)
show(finalizers_of_items, 2000)
show(finalizers_of_lists, 2000)
show(weak_references, 2000)
show(circles, 500)
show(plain_attributes, 2000)
show(methods_of_builtin_bases, 2000)
show(short_lived_class, 300)
