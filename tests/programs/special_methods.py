"""Operators and protocols of user classes: methods that are functions, what they give back, and what they raise."""

from __future__ import annotations

from common import show


class Vector:
    def __init__(self, x, y):
        self.x = x
        self.y = y

    def __add__(self, other):
        if not isinstance(other, Vector):
            return NotImplemented
        return Vector(self.x + other.x, self.y + other.y)

    def __radd__(self, other):
        return Vector(self.x + other, self.y)

    def __sub__(self, other):
        return self + other * -1

    def __mul__(self, other):
        return Vector(self.x * other, self.y * other)

    __rmul__ = __mul__

    def __iadd__(self, other):
        self.x += other
        return self

    def __eq__(self, other):
        return isinstance(other, Vector) and self.x == other.x and self.y == other.y

    def __lt__(self, other):
        return self.x < other.x

    def __bool__(self):
        return self.x != 0

    def __call__(self, scale, offset=1):
        return self.x * scale + offset

    def __repr__(self):
        return f"Vector({self.x}, {self.y})"


class Box:
    def __init__(self, items):
        self.items = items

    def __getitem__(self, index):
        return self.items[index]

    def __setitem__(self, index, value):
        self.items[index] = value

    def __len__(self):
        return len(self.items)

    def __contains__(self, item):
        return item == 3

    def __iter__(self):
        return Steps(len(self.items))


class Steps:
    def __init__(self, count):
        self.count = count
        self.at = 0

    def __iter__(self):
        return self

    def __next__(self):
        if self.at == self.count:
            raise StopIteration
        self.at += 1
        return self.at


class Odd:
    """Methods that give what they should not, from the 700th call on."""

    calls = 0

    def tick(self):
        self.calls += 1
        return self.calls > 700

    def __bool__(self):
        return 5 if self.tick() else True

    def __len__(self):
        return -1 if self.tick() else 3

    def __iter__(self):
        return 7 if self.tick() else iter((1, 2))

    def __add__(self, other):
        return NotImplemented if self.tick() else 1

    def __lt__(self, other):
        return NotImplemented if self.tick() else True

    def __contains__(self, item):
        return [] if self.tick() else [0]

    def __getitem__(self, index):
        return 1 // (self.calls - 650) if self.tick() else index


class Other:
    def __radd__(self, other):
        return 1000

    def __gt__(self, other):
        return False


class Lazy:
    def __init__(self):
        self.real = 1
        self.asked = 0

    def __getattr__(self, name):
        if name == "gone":
            raise AttributeError(name)
        return len(name)

    @property
    def twice(self):
        return self.real * 2

    @twice.setter
    def twice(self, value):
        self.real = value // 2


class Guarded:
    def __setattr__(self, name, value):
        object.__setattr__(self, name, value * 2)


def arithmetic(count):
    total = Vector(0, 0)
    one = Vector(1, 2)
    for i in range(count):
        total = total + one * i
        total = total - one
        total = 2 * one + total
        total += i
    return total


def reflected(count):
    total = Vector(1, 1)
    for i in range(count):
        total = i + total
        total = 0.5 + total
    return total


def comparisons(count):
    one, two, hits = Vector(1, 2), Vector(2, 1), 0
    for i in range(count):
        one.x = i % 3
        if one == two:
            hits += 1
        if one < two:
            hits += 10
        if one:
            hits += 100
        if not one:
            hits += 1000
        hits += (one == two) + (two > one) + (one == 5) + (5 == one)
    return hits


def protocols(count):
    box, total = Box([1, 2, 3, 4]), 0
    for i in range(count):
        box[i % 4] = i
        total += box[i % 3] + len(box) + (i in box) + (3 in box) + (3 not in box)
        for item in box:
            total += item
    return total, box.items


def calls(count):
    one, total = Vector(3, 4), 0
    for i in range(count):
        total += one(i) + one(2, offset=i) + one(scale=1) + one(i, 2)
    return total


def iterators(count):
    steps, total = Steps(count), 0
    for step in steps:
        total += step
    return total


def attributes(count):
    lazy, total = Lazy(), 0
    for i in range(count):
        total += lazy.abc + lazy.real + lazy.twice + lazy.asked
        lazy.twice = i
        lazy.asked = i % 2
        if i == count - 100:
            lazy.abc = 50
    return total


def set_attributes(count):
    item = Guarded()
    for i in range(count):
        item.value = i
    return item.value


def gone(count):
    lazy, total = Lazy(), 0
    for i in range(count):
        total += lazy.abc if i < count - 1 else lazy.gone
    return total


def odd_bool(count):
    odd, total = Odd(), 0
    for _ in range(count):
        total += 1 if odd else 2
    return total


def odd_len(count):
    odd, total = Odd(), 0
    for _ in range(count):
        total += len(odd)
    return total


def odd_iter(count):
    odd, total = Odd(), 0
    for _ in range(count):
        for item in odd:
            total += item
    return total


def odd_add(count):
    odd, total = Odd(), 0
    for i in range(count):
        total += odd + 1 if i < 800 else odd + Other()
    return total


def odd_add_other(count):
    odd, other, total = Odd(), Other(), 0
    for _ in range(count):
        total += odd + other
    return total


def odd_add_assigned(count):
    odd, total = Odd(), 0
    for _ in range(count):
        item = odd
        item += 1
        total += item
    return total


def odd_less(count):
    odd, total = Odd(), 0
    for _ in range(count):
        total += odd < 1
    return total


def odd_less_other(count):
    odd, other, total = Odd(), Other(), 0
    for _ in range(count):
        total += odd < other
    return total


def odd_contains(count):
    odd, total = Odd(), 0
    for i in range(count):
        total += (i in odd) + (i not in odd)
    return total


def odd_item(count):
    odd, total = Odd(), 0
    for i in range(count):
        total += odd[i]
    return total


def raising_midway(count):
    """Within a method, in the middle of a loop that handles it."""
    odd, total = Odd(), 0
    for i in range(count):
        odd.calls = i % 800
        try:
            total += odd[i]
        except ZeroDivisionError:
            total += 1
    return total


def changed_methods(count):
    class Local:
        def __add__(self, other):
            return 1

        def __len__(self):
            return 2

    item, total = Local(), 0
    for i in range(count):
        total += item + i + len(item)
        if i == count // 2:
            Local.__add__ = lambda self, other: 100
            Local.__len__ = lambda self: 200
    return total


class Sub(Vector):
    def __radd__(self, other):
        return Vector(-1, -1)


def subclasses(count):
    one, sub, total = Vector(1, 1), Sub(2, 2), 0
    for _ in range(count):
        total += (one + sub).x + (sub + one).x
    return total


for function in [arithmetic, reflected, comparisons, protocols, calls, iterators, attributes, set_attributes, gone]:
    show(function, 1500)
for function in [odd_bool, odd_len, odd_iter, odd_add, odd_add_other, odd_add_assigned, odd_less, odd_less_other]:
    show(function, 1500)
for function in [odd_contains, odd_item, raising_midway, changed_methods, subclasses]:
    show(function, 1500)
