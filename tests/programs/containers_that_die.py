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


def nested(n):
    """Containers in each other: alone or held, and now and then one has something in it that says when it ends."""
    log, kept = [], [[1, 2], (3, "4"), {5: [6]}]
    total = 0
    for i in range(n):
        thing = [[i, "a"], (i, [i, (2.5, None)]), [[[[i]]]]]
        if i % 50 == 7:
            thing[i % 3] = [Loud(log, i), (Loud(log, -i),)]
        if i % 70 == 9:
            thing = {i: thing, "b": [kept[i % 3], (Loud(log, i * 1000),)]}
        if i % 11 == 3:
            thing = {"a": [i, [i]], (i, 2): kept[0], 7: {8: i}}
        other = [kept[i % 3], thing] if i % 5 else thing
        total += len(other)
        thing = None
        log.append(len(log))
        other = (other, other) if i % 13 == 1 else i
    return total, [entry for entry in log if entry < 0 or entry > len(log)], len(log), kept


def merged(n):
    """Copies of dicts, with tables that are full and that are not, and keys that are compared by code of their own."""

    class Key:
        def __init__(self, value):
            self.value = value

        def __hash__(self):
            return self.value % 3

        def __eq__(self, other):
            compared.append(1)
            return isinstance(other, Key) and self.value == other.value

    compared, found, d, keys = [], [], {}, [Key(i) for i in range(9)]
    for i in range(n):
        d = {**d, i % 40: i * 2} if i % 41 else {}
        if i % 7 == 0:
            d.pop(i % 40, None)
        if i % 90 < 8:
            other = {keys[i % 9]: i, keys[i % 4]: 2}
            d2 = {**other, **{keys[(i + 3) % 9]: 1}}
            found.append((len(d2), len(dict(other)), len(compared)))
        if i % 60 == 5:
            found.append(sorted(d.items())[:3])
    return found[:12], found[-6:], len(compared)


def backwards(n):
    found = []
    texts = ["abc", "", "x", "hello world", "äöü", "\u4e2d\u6587abc", "\U0001f600z"]
    for i in range(n):
        text = texts[i % 7] if i % 3 else texts[i % 4]
        found.append(
            text[::-1] + "|" + text[::2] + "|" + text[5:1:-2] + "|" + text[-1::-3] + "|" + text[i % 5 : 1 : -1]
        )
    one = "x"
    return found[:21], len(set(found)), one[::-1] is one, (1, 2, 3)[::-1], b"abc"[::-1], "abcdef"[10:0:-1]


show(lists, 2000)
show(nested, 1500)
show(merged, 1500)
show(backwards, 700)
show(many_kinds, 2000)
show(finalizers_of_items, 2000)
show(finalizers_of_lists, 2000)
show(weak_references, 2000)
show(circles, 500)
show(plain_attributes, 2000)
show(methods_of_builtin_bases, 2000)
show(short_lived_class, 300)
