"""Making instances: __init__ of all kinds, new attributes in their order, slots, what __init__ raises."""

from __future__ import annotations

from common import show


class Point:
    def __init__(self, x, y=2):
        self.x = x
        self.y = y

    def total(self):
        return self.x + self.y


class Slotted:
    __slots__ = ("a", "b")

    def __init__(self, a, *, b=5):
        self.a = a
        self.b = b


class Empty:
    pass


class Base:
    def __init__(self, name):
        self.name = name


class Derived(Base):
    def __init__(self, name, size):
        Base.__init__(self, name)
        self.size = size
        self.other = None


def points(count):
    total, last = 0, None
    for i in range(count):
        last = Point(i)
        total += last.total()
        last = Point(i, y=i + 1)
        total += last.total()
    return total, vars(last), last.__dict__ is last.__dict__


def slotted(count):
    total = 0
    for i in range(count):
        item = Slotted(i, b=3)
        other = Slotted(b=i, a=1)
        total += item.a + item.b + other.a * other.b
    return total


def empties(count):
    same = 0
    for _ in range(count):
        one, two = Empty(), Empty()
        if one is two or one == two:
            same += 1000
        if one != two:
            same += 1
    return same


def derived(count):
    kept = []
    for i in range(count):
        item = Derived("n", i)
        if i % 50 == 0:
            kept.append(item)
    return [vars(item) for item in kept]


class Reversed:
    """Attributes come in another order than in other instances."""

    def __init__(self, flag):
        if flag:
            self.a = 1
            self.b = 2.5
        else:
            self.b = "b"
            self.a = "a"
        self.c = flag


def orders(count):
    seen = set()
    for i in range(count):
        item = Reversed(i % 3 == 0)
        if i % 7 == 0:
            seen.add(tuple(vars(item).items()))
    return sorted(map(repr, seen))


class Raises:
    def __init__(self, value, limit):
        self.value = value
        self.inverse = 1 // (limit - value)


def raising(count):
    total = 0
    for i in range(count):
        total += Raises(i, 700).inverse
    return total


def catching(count):
    caught = 0
    for i in range(count):
        try:
            Raises(i % 90, 80)
        except ZeroDivisionError:
            caught += 1
    return caught


class GivesSomething:
    def __init__(self, value):
        self.value = value
        if value == 700:
            return value


def gives_something(count):
    item = None
    for i in range(count):
        item = GivesSomething(i)
    return item.value


class Nested:
    def __init__(self, depth):
        self.depth = depth
        self.inner = None if depth == 0 else Nested(depth - 1)


def nested(count):
    total = 0
    for _ in range(count):
        item = Nested(3)
        while item is not None:
            total += item.depth
            item = item.inner
    return total


class Leaves:
    """The trace is left within __init__, whose instance goes on to exist."""

    def __init__(self, value):
        self.value = value
        self.kind = "large" if value > 500 else "small"
        self.square = value * value


def leaves(count):
    total = 0
    for i in range(count):
        item = Leaves(i)
        total += item.square + len(item.kind)
    return total


class Many:
    def __init__(self, n):
        self.a0 = n
        self.a1 = self.a0 + 1
        self.a2 = self.a1 + 1
        self.a3 = self.a2 + 1
        self.a4 = self.a3 + 1
        self.a0 = self.a4


def many(count):
    item = None
    for i in range(count):
        item = Many(i)
    return vars(item)


class Changing:
    def __init__(self, value):
        self.value = value


def change(count):
    total = 0
    for i in range(count):
        if i == count // 2:
            Changing.__init__ = lambda self, value: setattr(self, "value", -value)
        total += Changing(i).value
    return total


class Ends:
    count = 0

    def __init__(self, value):
        self.value = value

    def __del__(self):
        Ends.count += self.value


def ends(count):
    for i in range(count):
        Ends(i)
    return Ends.count


def late(count):
    """A new attribute of an instance that was made elsewhere."""
    items = [Empty() for _ in range(count)]
    for i, item in enumerate(items):
        item.first = i
        item.second = item
        item.second = None
    return sum(item.first for item in items), vars(items[-1])


def with_dict(count):
    """Instances whose dict exists when they get a new attribute."""
    items = [Empty() for _ in range(count)]
    for i, item in enumerate(items):
        if i > 600:
            item.__dict__
        item.first = i
    return sum(item.first for item in items), vars(items[-1])


class Keeps:
    def __init__(self, x, **names):
        self.x = x
        self.names = names


def no_names(count):
    """The dict of names is made while the class is on the stack, where a call before has put it."""
    total = 0
    for i in range(count):
        total += Keeps(eval("i + 1")).x
    return total, Keeps(1).names


for function in [
    points,
    slotted,
    empties,
    derived,
    orders,
    catching,
    nested,
    leaves,
    many,
    change,
    ends,
    late,
    with_dict,
    no_names,
]:
    show(function, 1500)
show(raising, 1500)
show(gives_something, 1500)
