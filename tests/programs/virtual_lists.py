"""Lists that live for a turn: all by which a program could see that they were not made."""

import gc
import sys
import weakref

from common import show

N = 300


class Point:
    def __init__(self, x, y):
        self.x = x
        self.y = y

    def between(self, other, a, b):
        return Point(a * self.x + b * other.x, a * self.y + b * other.y)


class Box:
    def __init__(self, items):
        self.items = items
        self.count = len(items)


class Keeper:
    __slots__ = ("items", "other")


def build(a, b, c):
    return [a, b, c]


def splines(n):
    """A list of a comprehension, of which items are replaced at indices that are counted from others."""
    points = [Point(i * 0.5, i * i * 0.25) for i in range(9)]
    knots = [0, 0, 0, 1, 2, 3, 4, 5, 6, 6, 6]
    degree, x, y, sum_of_indices = 3, 0.0, 0.0, 0
    for turn in range(n):
        at = 3 + turn % 3
        u = at - 2 + turn % 7 / 8
        d = [points[at - degree + 1 + ii] for ii in range(degree + 1)]
        for ik in range(1, degree + 1):
            for ii in range(at - degree + ik + 1, at + 2):
                low, high = knots[ii - 1], knots[ii + degree - ik]
                index = ii - at + degree - ik - 1
                sum_of_indices += index
                d[index] = d[index].between(d[index + 1], (high - u) / (high - low + 1), (u - low) / (high - low + 1))
        x, y = x + d[0].x, y + d[0].y
    return x, y, sum_of_indices


def items(n):
    total = 0
    for i in range(n):
        row = [i, i + 1, i * 0.5]
        row[1] += row[0]
        row[-1] = row[1] * row[-1]
        row[0], row[1] = row[1], row[0]
        total += row[0] + row[1] * 2 + row[2]
    return total


def results(n):
    total = 0
    for i in range(n):
        row = build(i, -i, "x")
        a, b, c = row
        total += a * len(row) + b + len(c) + row[0] + (5 if row else 7) + (0 if row is None else 1)
    return total


def two_names(n):
    total = 0
    for i in range(n):
        row = [i, 2]
        other = row
        other[0] = 7
        pair = (row, other, [row, i])
        total += row[0] + pair[1][1] + (pair[0] is pair[1]) + (pair[0] is other) + pair[2][0][0]
        total += isinstance(row, list) + isinstance(row, tuple)
    return total


def escapes(n):
    """What needs an object gets one, once."""
    kept, total = [], 0
    for i in range(n):
        row = [i, [i, 2.5], "t"]
        same = row
        if i % 3 == 0:
            kept.append(row)
            row[0] = -1
            same[1][0] = "inner"
        if i % 7 == 0:
            kept.append(same)
        total += len(str(row)) + (kept[-1] is row)
    return total, kept[-1], kept[-2], len(kept), kept[0] is kept[1]


def held(n):
    total = 0
    for i in range(n):
        box = Box([i, i + 1])
        keeper = Keeper()
        keeper.items = box.items
        keeper.items[0] += 10
        total += box.items[0] + box.count
        keeper.other = [keeper.items, box.items]
        total += keeper.other[1][0] + (keeper.other[0] is box.items)
    return total


def sizes(n):
    """Lists that have grown have room behind their items, as the interpreter's have."""
    found = set()
    for i in range(n):
        a = [i, i, i]
        b = [j for j in range(3)]
        c = [*(i, 2), 3]
        d = [1, 2, i]
        e = [*a, *c]
        f = [j for j in range(5)]
        g = [i, *(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)]
        h = []
        found.add(tuple(map(sys.getsizeof, (a, b, c, d, e, f, g, h))))
    return sorted(found)


def grows(n):
    """Appends behind a list with room and without."""
    total = []
    for i in range(n):
        row = [j + i for j in range(4)]
        row.append(i)
        total.append(row)
        row = [i]
        row.extend((2, 3))
        row += [4]
        total.append(row)
    return total[-2:], sum(map(sys.getsizeof, total))


def long_ones(n):
    total = 0
    for i in range(n):
        row = [j + i for j in range(17)]
        more = [j + i for j in range(18)]
        most = [j + i for j in range(19)]
        total += row[16] + more[17] + most[18] + len(row) + len(more) + len(most) + more[-18]
        total += [i, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19][i % 20]
    return total


def unknown_index(n):
    total = 0
    for i in range(n):
        row = [i, 2 * i, 3 * i]
        total += row[i % 3]
        row[i % 2] = 5
        total += row[0] + row[1]
    return total


def itself(n):
    for i in range(n):
        row = [i, 2]
        row[1] = row
        pair = [i, (row, row)]
        row[0] = pair
    return repr(row), row[1] is row, row[0][1][0] is row


def errors(n):
    caught = 0
    for i in range(n):
        row = [i, 2]
        try:
            row[i % 5] = row[i % 3]
        except IndexError as error:
            caught += len(str(error)) + row[0]
        try:
            a, b, c = row if i % 4 else [1, 2, 3]
        except ValueError as error:
            caught += len(str(error))
    return caught


def out_of_range(n):
    row = None
    for i in range(n):
        row = [i, 2]
        if i == n - 1:
            row[2] = 1
    return row


def unpacked(n):
    def take(*args, **names):
        return sum(args) + sum(names.values())

    total = 0
    for i in range(n):
        row = [i, 2]
        total += take(*row, 3) + take(1, *row, *(4, 5)) + take(*row, key=i)
        first, *rest = row
        total += first + len(rest)
    return total


def iterated(n):
    total = 0
    for i in range(n):
        row = [i, 2.5, 3]
        for x in row:
            total += x
        total += sum(row) + max(row) + sum(x * 2 for x in row) + len([x for x in row if x > 2])
        total += (i in row) + (row == [i, 2.5, 3]) + (row < [i, 3]) + len(row + [1]) + len(row * 2) + len(row[1:])
        row.sort()
        row.reverse()
        total += row[0] + row.pop() + row.index(row[0]) + row.count(3)
        del row[0]
        total += len(row)
    return total


class Dying:
    log: list = []

    def __init__(self, name):
        self.name = name

    def __del__(self):
        Dying.log.append(self.name)


def deaths(n):
    """Whoever hears of an end hears of it where it is."""
    Dying.log.clear()
    for i in range(n):
        row = [Dying(i), i]
        Dying.log.append("made")
        row[0] = None
        Dying.log.append("replaced")
        row = [Dying(-i), row]
        row = None
        Dying.log.append("dropped")
    return len(Dying.log), Dying.log[:8], Dying.log[-8:]


def references(n):
    point = Point(1, 2)
    held_by = weakref.ref(point)
    counts = set()
    for i in range(n):
        row = [point, i, point]
        inner = [row[0], row]
        counts.add(sys.getrefcount(point))
        counts.add(-sys.getrefcount(row))
        row[2] = None
        counts.add(sys.getrefcount(point))
        del inner
    row = None
    return sorted(counts), sys.getrefcount(point), held_by() is point


def looked_at(n):
    """The collector and frames find them."""
    found = set()
    for i in range(n):
        row = [i, i + 1]
        row[0] = 5
        if i % 50 == 49:
            found.add((sys._getframe().f_locals["row"] is row, tuple(row)[0], gc.is_tracked(row)))
            sys._getframe().f_locals["row"].append("seen")
            found.add(len(row))
    return sorted(found, key=str)


def carried(n):
    """A list that the next turn finds."""
    row, total = [0, 1], 0
    for i in range(n):
        total += row[0] + len(row)
        row = [row[1], i]
    return total, row


def generated(n):
    def rows(m):
        for i in range(m):
            row = [i, i * i]
            row[0] += 1
            yield row

    total = 0
    for row in rows(n):
        row[1] -= 1
        total += row[0] * row[1]
    return total, [a + b for a, b in rows(5)]


def changing(n):
    """Items of other types than before, and more of them."""
    total = []
    for i in range(n):
        row = [i if i % 29 else "s", 2.5 if i % 31 else 2]
        row[1] = row[0] * 2
        total.append(row[1])
        if i % 37 == 0:
            row = [row, row]
            row[0][0] = None
            total.append(row[1][0])
    return total[:40], len(total)


def other_containers(n):
    """What was seen in the first turn is something else in the next one."""
    first, second, third, total = {0: 5, 1: 6}, (7, 8), "ab", 0
    for i in range(n):
        total += first[0] + second[1] + len(third[0] if i == 0 else "x")
        if i % 40 == 39:
            first, second, third = {0: i, 1: 2}, (i, 3), "cd"
        else:
            first, second, third = [i, 1], [2, i], ["y", i]
        first[1] = second
    return total, first, second, third


for _ in range(3):
    for function in (
        splines,
        items,
        results,
        two_names,
        escapes,
        held,
        sizes,
        grows,
        long_ones,
        unknown_index,
        itself,
        errors,
        out_of_range,
        unpacked,
        iterated,
        deaths,
        references,
        looked_at,
        carried,
        generated,
        changing,
        other_containers,
    ):
        show(function, N)
