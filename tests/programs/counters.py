"""Ints that replace others where nobody else holds them: written in place, unless somebody could see it."""

from __future__ import annotations

import sys

from common import show


class Counter:
    def __init__(self, value):
        self.value = value
        self.other = value


def counts(counter, step, n):
    for _ in range(n):
        counter.value += step
    return counter.value, sys.getrefcount(counter.value)


def keeps(counter, n):
    kept = []
    for i in range(n):
        if i % 100 == 0:
            kept.append(counter.value)
        counter.value += 1
    return kept, counter.value


def borrows(counter, n):
    for _ in range(n):
        before = counter.value
        counter.value += 3
        if before + 3 != counter.value or before is counter.value:
            return "changed"
    return before, counter.value


def borrows_later(counter, n):
    wrong = 0
    for i in range(n):
        before = counter.value
        counter.value = i + 1000
        after = counter.value
        counter.value = i + 2000
        wrong += before is after or after != i + 1000 or counter.value != i + 2000
    return wrong, before, after


def two_names(n):
    one = Counter(5000)
    other = one
    for _ in range(n):
        a = one.value
        other.value += 7
        if one.value != a + 7:
            return "not the same"
    return one.value, a


def shares(n):
    """Both attributes get the same object in each turn."""
    c = Counter(1000)
    for _ in range(n):
        c.value = c.other = c.value + 1
        if c.value is not c.other:
            return "two objects"
        c.value += 1
        if c.other != c.value - 1:
            return "written over"
    return c.value, c.other


def crosses(n):
    """From numbers with an object each to others, and back."""
    c = Counter(240)
    same = 0
    for i in range(n):
        c.value += 1 if i % 64 < 32 else -1
        d = 200 + (c.value - 200)
        same += c.value is d
    return c.value, same


def small_again(n):
    c = Counter(10_000)
    same = 0
    for i in range(n):
        c.value = 300 + i % 7
        c.value = i % 7 + 250
        same += c.value is SMALL[i % 7]
    return c.value, same


SMALL = [250 + i for i in range(7)]


def grows(n):
    """One digit, two, three; and negative ones."""
    c, seen = Counter(1 << 20), []
    for i in range(n):
        c.value = c.value * 3 + 1
        if c.value > 1 << 62:
            seen.append(c.value)
            c.value = (c.value & 0xFFFFF) + 300
        if i % 50 == 0:
            c.other = -c.value
            seen.append((c.value, c.other, sys.getsizeof(c.value), sys.getsizeof(c.other)))
    return seen


def two_digits(n):
    c = Counter((1 << 30) + 5)
    for i in range(n):
        c.value = (c.value * 1103515245 + 12345) & 0x7FFFFFFF
        c.other = c.value << 20
    return c.value, c.other, hash(c.value), str(c.other), c.value == int(str(c.value))


def negative(n):
    c = Counter(-1000)
    for _ in range(n):
        c.value -= 3
        c.other += 2
    return c.value, c.other


def items(xs, n):
    for i in range(n):
        xs[i & 3] += i
    return xs


def items_held(xs, n):
    held = list(xs)
    for i in range(n):
        xs[i % len(xs)] += 1
    return held, xs


def items_of_items(n):
    rows = [[1000, 2000], [3000, 4000]]
    for i in range(n):
        row = rows[i & 1]
        x = row[0]
        row[0], row[1] = row[1], x + 1
    return rows, x


def swaps(n):
    xs = [1000, 2000, 3000]
    for _ in range(n):
        xs[0], xs[1] = xs[1] + 1, xs[0] + 2
        xs[2] = xs[0]
        xs[0] += 1
        if xs[2] != xs[0] - 1:
            return "written over"
    return xs


def cells(n):
    total = 1000

    def add(k):
        nonlocal total
        for i in range(k):
            total += i
        return total

    before = total
    added = add(n)
    return before, added, total


def default_arguments(n, start=[1000]):
    for i in range(n):
        start[0] += i
    return start


def into_a_set(n):
    c = Counter(1000)
    seen = set()
    numbers = {}
    for _ in range(n):
        seen.add(c.value)
        numbers[c.value] = c.value
        c.value += 1
    return len(seen), sorted(seen)[:3], all(k == v for k, v in numbers.items()), max(numbers)


def counted_words(words, n):
    counts = {}
    for i in range(n):
        word = words[i % len(words)]
        counts[word] = counts.get(word, 0) + 1
    return counts


def numbered(n):
    counts = dict.fromkeys(range(7), 1000)
    shared = sys.getrefcount(counts[0]) - sys.getrefcount(counts[6])
    for i in range(n):
        counts[i % 7] += i % 5
    return counts, shared


def held_values(n):
    counts = {"a": 1000, "b": 2000, 3: 3000}
    held, seen = list(counts.values()), []
    for i in range(n):
        key = "ab"[i & 1]
        before = counts[key]
        counts[key] += 1
        counts[3] += 2
        if before is counts[key] or before + 1 != counts[key]:
            return "written over"
        if i % 400 == 0:
            seen.append(counts[3])
    return held, seen, counts


def one_value_twice(n):
    counts = {}
    for i in range(n):
        counts["x"] = counts["y"] = i + 1000
        counts["x"] += 1
        if counts["y"] != i + 1000:
            return "written over"
        counts[i % 3] = counts["x"] * (1 << (i % 40))
    return counts


def while_iterated(n):
    counts = {k: 5000 + k for k in range(6)}
    total = 0
    for _ in range(n):
        for key, value in counts.items():
            counts[key] = value + 1
            total += counts[key] - value
    return total, counts


def other_values(n):
    """What is replaced is no int, or one of other sizes, or the key is new."""
    counts = {"a": 1.5, "b": None, "c": True, "d": 1 << 100, "e": -5000, "f": 100}
    for i in range(n):
        key = "abcdefgh"[i & 7]
        counts[key] = i * 1000
        if i % 64 < 8:
            counts[key] = [None, 2.5, False, 1 << 70, -7, "", 1, 10_000][i & 7]
    return counts


TOTAL = 1000


def of_the_module(n):
    """Globals: who watches the dict is told."""
    names = globals()
    for i in range(n):
        names["TOTAL"] += 1
        if TOTAL != 1001 + i:
            return i
    return TOTAL


def of_an_instance(n):
    c = Counter(1000)
    attributes = vars(c)
    for _ in range(n):
        attributes["value"] += 1
        c.value += 1
    return c.value, attributes


class Node:
    def __init__(self, value, link):
        self.value = value
        self.link = link


def lets_go(a, b, n):
    """Drops of several references to one object, or to some that hold each other."""
    total = 0
    for i in range(n):
        first, second, third = a, b, a
        if i % 3 == 0:
            first = second = third = Node(i, a)
        elif i % 3 == 1:
            second = Node(i, None)
            first = third = Node(second, second)
        total += len((first, second, third)) + both(first, second, third)
    return total, sys.getrefcount(a) - sys.getrefcount(b)


def both(one, other, third):
    keep, again, more = one, other, third
    one = other = None
    return (keep is again) + (more is keep) * 2


def floats(n):
    """Floats come from the list of free ones, and go there: more than it holds."""
    xs, ys = [], []
    for i in range(n):
        xs.append(i * 0.5)
        if i % 400 == 399:
            ys.append(sum(xs))
            xs.clear()
    return ys, xs[:3]


def powers(n):
    total, odd = 0.0, []
    for i in range(n):
        total += (i + 0.5) ** 1.5 + (i + 0.5) ** -0.5
        if i % 500 == 0:
            odd.append((0.0**i, (-1.5) ** (i % 90), 1.0 ** (i * 0.5), float(i) ** 0.0))
    return total, odd


show(counts, Counter(1000), 1, 3000)
show(counts, Counter(1 << 29), 1 << 28, 3000)
show(counts, Counter(3000), -1, 3500)
show(keeps, Counter(1000), 2000)
show(borrows, Counter(1000), 2000)
show(borrows_later, Counter(1000), 2000)
show(two_names, 2000)
show(shares, 2000)
show(crosses, 3000)
show(small_again, 2000)
show(grows, 1000)
show(two_digits, 2000)
show(negative, 2000)
show(items, [1000, 2000, 3000, 1 << 31], 4000)
show(items_held, [1000, 2000, 3000], 3000)
show(items_of_items, 2000)
show(swaps, 2000)
show(cells, 3000)
show(default_arguments, 2000)
show(into_a_set, 2000)
show(counted_words, "the quick brown fox jumps over the lazy dog".split(), 4000)
show(numbered, 4000)
show(held_values, 2000)
show(one_value_twice, 2000)
show(while_iterated, 500)
show(other_values, 2000)
show(of_the_module, 2000)
show(of_an_instance, 2000)
show(lets_go, Node(1, None), Node(2, None), 3000)
show(floats, 5000)
show(powers, 3000)
