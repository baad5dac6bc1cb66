"""Where attributes are found: classes, instances that shadow them, dicts, slots, properties, class and static
methods, super().
"""

from __future__ import annotations

import enum

from common import show


class Base:
    scale = 3
    unset = None

    def __init__(self, x):
        self.x = x

    def value(self):
        return self.x * self.scale

    @property
    def double(self):
        return self.x * 2

    @property
    def failing(self):
        return 100 // (self.x - 700)

    @classmethod
    def make(cls, x, y=1):
        return cls(x + y)

    @classmethod
    def name(cls):
        return cls.__name__

    @staticmethod
    def add(a, b=2):
        return a + b

    def describe(self):
        return ("base", self.x)


class Derived(Base):
    scale = 4

    def __init__(self, x):
        super().__init__(x)
        self.own = x

    def value(self):
        return super().value() + 1

    def describe(self):
        return (*super().describe(), super(Derived, self).describe()[0])

    @classmethod
    def make(cls, x, y=2):
        return super().make(x, y)


class Plain:
    def __init__(self):
        super().__init__()
        self.items = []


class Numbers(list):
    def total(self):
        return sum(self)

    def first(self):
        return self[0]


class Sized(list):
    def __len__(self):
        return 7

    def __iter__(self):
        return iter((1, 2, 3))

    def __getitem__(self, index):
        return 50


class Words(dict):
    limit = 5

    def size(self):
        return len(self)


def class_attributes(count):
    item, total = Base(2), 0
    for i in range(count):
        total += item.scale + (0 if item.unset is None else 1)
        if i == count - 100:
            item.scale = 100
        if i == count - 50:
            Base.scale = 1000
            item.unset = 1
    del item.scale
    total += item.scale
    Base.scale = 3
    return total


def default_then_own(count):
    """Half of the instances have an attribute of their own, the others have their class's."""
    items = [Base(i) for i in range(10)]
    for item in items[::2]:
        item.scale = 10
    total = 0
    for i in range(count):
        total += items[i % 10].value()
    return total


def properties(count):
    item, total = Base(2), 0
    for i in range(count):
        item.x = i
        total += item.double
    return total


def failing_property(count):
    item, total = Base(2), 0
    for i in range(count):
        item.x = i
        total += item.failing
    return total


def changed_property(count):
    class Local:
        @property
        def p(self):
            return 1

    item, total = Local(), 0
    for i in range(count):
        total += item.p
        if i == count // 2:
            Local.p = property(lambda self: 1000)
    return total


def class_methods(count):
    total = 0
    for i in range(count):
        total += Base.make(i).x + Derived.make(i, y=i).x
        total += Derived(i).make(3).own
        total += len(Derived.name()) + len(Base.name())
    return total


def static_methods(count):
    item, total = Derived(1), 0
    for i in range(count):
        total += Base.add(i) + item.add(i, 3)
    return total


def supers(count):
    item, total = Derived(1), 0
    for i in range(count):
        item.x = i
        total += item.value() + len(item.describe())
    return total, item.describe()


def super_object_init(count):
    last = None
    for _ in range(count):
        last = Plain()
    return vars(last)


def bound_methods(count):
    item, total = Base(2), 0
    make, value = Base.make, item.value
    for i in range(count):
        item.x = i
        method = item.value
        total += method() + value() + make(i).x
        if i % 100 == 0:
            value = method
    return total, method.__self__ is item, method == item.value


def stored_methods(count):
    class Holder:
        def __init__(self):
            self.call = self.target
            self.calls = 0

        def target(self, by=1):
            self.calls += by
            return self.calls

    holder, total = Holder(), 0
    for i in range(count):
        total += holder.call() + holder.call(by=i)
    return total


def with_dict(count):
    item = Base(1)
    item.__dict__
    total = 0
    for i in range(count):
        item.x = i
        total += item.x + item.value() + item.scale
        if i == count - 100:
            item.__dict__["scale"] = 50
        if i == count - 50:
            item.__dict__ = {"x": 1, "value": lambda: 5}
    return total


def missing_in_dict(count):
    item = Base(1)
    item.__dict__["extra"] = 1
    total = 0
    for i in range(count):
        total += item.extra
        if i == count - 3:
            del item.__dict__["extra"]
    return total


def list_subclass(count):
    numbers, total = Numbers(), 0
    for i in range(count):
        numbers.append(i)
        if numbers:
            total += len(numbers) + numbers[-1] + numbers.first()
        if len(numbers) > 20:
            numbers.pop(0)
            numbers[0] = 5
        if i % 10 == 0:
            for number in numbers:
                total += number
    return total, numbers


def special_list_subclass(count):
    items, total = Sized([1, 2]), 0
    for i in range(count):
        total += len(items) + items[0] + items[i % 2]
        for item in items:
            total += item
        if items:
            total += 1
    return total


def list_subclass_changes(count):
    class Local(list):
        pass

    items, total = Local([1, 2]), 0
    for i in range(count):
        total += len(items)
        for item in items:
            total += item
        if i == count // 2:
            Local.__len__ = lambda self: 100
            Local.__iter__ = lambda self: iter([1000])
    return total


def dict_subclass(count):
    words, total = Words(a=1), 0
    for i in range(count):
        total += words.limit + words.size()
        if i == count - 20:
            words.limit = 50
    return total


def of_class(count):
    items = [Base(1), Derived(2)]
    total = 0
    for i in range(count):
        item = items[i % 2]
        total += item.__class__.scale + (type(item) is Base)
        total += isinstance(item, Derived) + isinstance(item, (Derived, Base)) + callable(item)
    return total


class Liar:
    @property
    def __class__(self):
        return Base


def liars(count):
    item, total = Liar(), 0
    for _ in range(count):
        total += isinstance(item, Base) + isinstance(item, Liar)
    return total


class Meta(type):
    def __instancecheck__(cls, item):
        return item == 5


class Checked(metaclass=Meta):
    pass


def instance_checks(count):
    total = 0
    for i in range(count):
        total += isinstance(i % 7, Checked) + isinstance(i, int) + isinstance(i, (str, Checked))
    return total


def those_of(items, classes):
    return [item for item in items if isinstance(item, classes)]


def new_tuples(count):
    """Tuples of classes that are made for each call, where the one before was."""
    items, total = [1, "x", 3, 2.5, 1, 7, Base()] * 3, []
    for i in range(count // 20):
        for k in (str, int, float, int):
            total.append(len(those_of(items, (k,))))
        total.append(len(those_of(items, (k, str) if i % 3 else (Base, str))))
    return sum(total), total[:11], total[-11:]


def of_numbers(count):
    """Methods and attributes of numbers that are nowhere as objects."""
    total = 0
    for i in range(count):
        total += (i * 3).bit_length() + (i & 7).real + (i * 0.5).is_integer() + (i > 5).conjugate()
        total += hash((i, i + 1).count(i)) + (i * 0.25).real.is_integer()
    return total


class Named(type):
    hidden = "of the metaclass"


class Other(Named):
    @property
    def total(cls):
        return 1000


class Kinds(metaclass=Named):
    first = 1
    second = 2
    total = 3


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


def of_classes(count):
    """Attributes of classes whose metaclass is one of Python code, which changes."""
    total = 0
    for i in range(count):
        colour = Colour.RED if i & 1 else Colour.BLUE
        total += Kinds.first + Kinds.second + Kinds.total + (colour is Colour.RED) + len(Kinds.hidden)
        if i == 700:
            Kinds.__class__ = Other
        if i == 900:
            Kinds.second = 20
        if i == 1100:
            Named.first = property(lambda cls: 5000)
    if count > 1100:
        del Named.first
    Kinds.__class__, Kinds.second = Named, 2
    return total


for function in [
    of_numbers,
    new_tuples,
    of_classes,
    class_attributes,
    default_then_own,
    properties,
    changed_property,
    class_methods,
    static_methods,
]:
    show(function, 1500)
for function in [supers, super_object_init, bound_methods, stored_methods, with_dict, list_subclass]:
    show(function, 1500)
for function in [special_list_subclass, list_subclass_changes, dict_subclass, of_class, liars, instance_checks]:
    show(function, 1500)
for function in [failing_property, missing_in_dict]:
    show(function, 1500)
