"""Loops that are left in their first turn, and ways back to them that compute anew what the loops take for granted."""

import math
import sys

from common import text


class Point:
    def __init__(self, a, b):
        self.a = a
        self.b = b


class Slotted:
    __slots__ = ("a", "b")

    def __init__(self, a, b):
        self.a = a
        self.b = b


class Counted(Point):
    dead = 0

    def __del__(self):
        Counted.dead += 1


def by_attribute(points, other, rounds):
    total = 0
    for k in range(rounds):
        for point in points:
            if point.a > k % 7:
                total += other.b + len(points)
            else:
                total -= point.b
    return total


def rows_of_while(rows, limit):
    sums = []
    for row in rows:
        s = 0
        i = 0
        while i < len(row):
            x = row[i]
            if x is None:
                s += 1
            elif x > limit:
                s += x
            i += 1
        sums.append(s)
    return sums


def computed_once(values, rounds):
    """What the inner loop computes in each turn is the same in all of them, and another one the next time."""
    results = []
    for x in values:
        r = None
        for _ in range(rounds):
            r = math.sin(x) + math.sqrt(abs(x))
        results.append(r)
    return results


def other_types(values, rounds):
    results = []
    for x in values:
        r = 0
        y = x
        for i in range(rounds):
            r = r + y
            if i == 3:
                y = x * 2
        results.append(r)
    return results


def changing(box, rounds):
    """The loop relies on what it reads from `box`; it is another one in the next round."""
    total = 0
    for k in range(rounds):
        if k % 5 == 0:
            box.a = k
        elif k % 7 == 0:
            box.a = k + 0.5
        elif k % 31 == 0:
            box = Point(k, box.b)
        for i in range(k % 4):
            if i == k % 3:
                total += box.a
            else:
                total -= box.b
    return total


def growing(lists, rounds):
    total = 0
    for k in range(rounds):
        items = lists[k % len(lists)]
        if k % 11 == 0:
            items.append(k)
        i = 0
        while i < len(items):
            if items[i] % 3 == k % 3:
                total += items[i] * len(items)
            i += 1
        if len(items) > 6:
            del items[:]
    return total


def unbound(rounds):
    total = 0
    for k in range(rounds):
        if k % 3:
            x = k
        elif k > 10:
            try:
                del x
            except UnboundLocalError:
                total += 1000
        for i in range(k % 5):
            try:
                total += x + i
            except UnboundLocalError as error:
                total -= len(str(error))
    return total


def shared(rounds):
    """One object in two variables, one variable after the other."""
    same = 0
    big = 10**6
    x = y = big
    for k in range(rounds):
        if k % 4 == 0:
            y = x
        elif k % 9 == 0:
            x = big + k
        for i in range(k % 3):
            if x is y:
                same += 1
            elif i:
                x = y
    return same


def cells(rounds):
    count = 0
    step = 1

    def bump(by):
        nonlocal count
        count += by * step

    for k in range(rounds):
        if k % 50 == 0:
            step = k % 3 + 0.5 * (k % 200 == 0)
        for i in range(k % 4):
            if i == k % 2:
                bump(i)
            else:
                count -= 1
    return count


class Tree:
    def __init__(self, depth):
        self.left = Tree(depth - 1) if depth else None
        self.right = Tree(depth - 2) if depth > 1 else None
        self.size = depth

    def total(self):
        # A loop in a call that a loop makes.
        total = 0
        todo = [self]
        while todo:
            node = todo.pop()
            if node is None:
                continue
            total += node.size
            todo.append(node.left)
            todo.append(node.right)
        return total


def in_calls(rounds):
    trees = [Tree(k % 5) for k in range(7)]
    return sum(trees[k % 7].total() for k in range(rounds))


def inner(values, start):
    s = start
    for value in values:
        if value:
            s += value
        else:
            s -= 1
    return s


def of_calls(rounds):
    kinds = [[1, 0, 2], (3, 0, 4), [], [0.5, 0], (), {5, 6}, {7: 8}, range(3)]
    return [inner(kinds[k % len(kinds)], k) for k in range(rounds)]


def dying(rounds):
    """What the loop holds dies while ways lead back to it."""
    total = 0
    point = Counted(1, 2)
    for k in range(rounds):
        if k % 6 == 0:
            point = Counted(k, 1)
        for i in range(k % 3 + 1):
            if i == k % 2:
                total += point.a
            else:
                point.b += 1
                total += point.b
    return total


def generator(rounds):
    def numbers(n):
        for i in range(n):
            yield i if i % 3 else None

    total = 0
    for k in range(rounds):
        for x in numbers(k % 6):
            if x is None:
                total += 1
            else:
                total += x * k
    return total


def swapped(rounds):
    a, b = [1, 2, 3], [4.0, 5.0]
    total = 0
    for k in range(rounds):
        if k % 10 == 9:
            a, b = b, a
        for x in a:
            if x < 3:
                total += len(b)
            else:
                total += x
    return total


def pick(weights, r, answer):
    low = 0
    for i in range(len(weights)):
        if r >= low and r < low + weights[i]:
            return i, answer(r, 12)
        low += weights[i]
    return len(weights) - 1, r


def picked(weights, rounds, answer):
    """An index becomes an object for a call in the midst of a turn, and is a number again behind it. Which turn of the
    loop finds it decides by which way a turn goes on, and all of them meet again at the head."""
    counts = [0] * len(weights)
    r = 7
    for _ in range(rounds):
        r = (r * 75 + 74) % 65537
        where = pick(weights, r % 11, answer)
        counts[where[0]] += where[1]
    return counts


def main():
    points = [Point(i % 9, i) for i in range(5)]
    print(text(by_attribute(points, Point(1, 2), 300)))
    print(text(by_attribute([*points, Slotted(3, 4)], Slotted(1, 2), 300)))
    points[2].__class__ = Counted
    print(text(by_attribute(points, Point(1, 2.5), 300)))
    rows = [[(None if (i + j) % 5 == 0 else i * j % 13) for j in range(i % 4)] for i in range(400)]
    print(text(rows_of_while(rows, 4)))
    print(text(rows_of_while(rows, 4.5)))
    print(text(computed_once([0.5 * i for i in range(12)] + [3, True, -0.0], 20)))
    print(text(other_types([1, 2.5, 3, 10**20, True, 0.25, 4, 2**62, -7] * 4, 12)))
    print(text(changing(Point(1, 2), 600)))
    print(text(growing([[1, 2], [], [3.5, 4]], 300)))
    print(text(unbound(300)))
    print(text(shared(400)))
    print(text(cells(500)))
    print(text(in_calls(200)))
    print(text(of_calls(200)))
    print(text(dying(300)), Counted.dead)
    print(text(generator(300)))
    print(text(swapped(300)))
    print(text(picked([3, 5, 2], 900, math.gcd)))
    print(text(picked([3, 5, 2.5], 300, math.fmod)))
    weights = [3, 5, 2]
    print(text(picked(weights, 300, lambda r, n: weights.reverse() or r % n)))
    objects = [points, rows, points[0], rows[3]]
    counts = [sys.getrefcount(x) for x in objects]
    by_attribute(points, points[0], 200)
    rows_of_while(rows, 3)
    changing(points[0], 100)
    print([sys.getrefcount(x) - count for x, count in zip(objects, counts)])


main()
