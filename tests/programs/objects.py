"""Attributes and methods of instances; classes that change while a loop runs."""

from common import show


class Point:
    scale = 2

    def __init__(self, x, y):
        self.x = x
        self.y = y

    def length2(self):
        return self.x * self.x + self.y * self.y

    def move(self, dx, dy):
        self.x += dx
        self.y += dy
        return self

    def scaled(self):
        return self.x * self.scale

    def twice(self):
        return self.length2() + self.length2()


class Slots:
    __slots__ = ("a", "b")

    def __init__(self, a, b):
        self.a = a
        self.b = b

    def step(self):
        self.a, self.b = self.b, self.a + 1
        return self.a


class Child(Point):
    def length2(self):
        return super().length2() + 1


class Properties:
    def __init__(self):
        self._value = 1
        self.reads = 0

    @property
    def value(self):
        self.reads += 1
        return self._value

    @value.setter
    def value(self, new):
        self._value = new % 1000

    @staticmethod
    def double(x):
        return x * 2

    @classmethod
    def name_length(cls, x):
        return len(cls.__name__) + x


class Dynamic:
    def __getattr__(self, name):
        return len(name)


class Intercepting:
    def __init__(self):
        self.count = 0

    def __getattribute__(self, name):
        if name == "magic":
            return 7
        return object.__getattribute__(self, name)

    def __setattr__(self, name, value):
        object.__setattr__(self, name, value + 1)


class Number:
    def __init__(self, value):
        self.value = value

    def __add__(self, other):
        return Number(self.value + (other.value if isinstance(other, Number) else other))

    def __radd__(self, other):
        return Number(other + self.value)

    def __lt__(self, other):
        return self.value < other

    def __bool__(self):
        return self.value % 2 == 0

    def __len__(self):
        return 3

    def __getitem__(self, index):
        if index > 3:
            raise IndexError(index)
        return self.value * index

    def __call__(self, x):
        return self.value + x

    def __index__(self):
        return 1


class SubInt(int):
    def __add__(self, other):
        return SubInt(int(self) + int(other) + 1)


class SubFloat(float):
    pass


def reads(point, n):
    total = 0
    for _ in range(n):
        total += point.x + point.y
    return total


def writes(point, n):
    for i in range(n):
        point.x = point.x + i
        point.y = point.y * 0.5 + 1.0
    return point.x, point.y


def methods(point, n):
    total = 0
    for i in range(n):
        total += point.length2()
        point.move(1, -1)
        total -= point.twice()
    return total, point.x, point.y


def class_attribute(point, n):
    total = 0
    for _ in range(n):
        total += point.scaled()
    return total


def class_attribute_changes(n):
    point = Point(3, 4)
    total = 0
    for i in range(n):
        total += point.scaled()
        if i == n // 2:
            Point.scale = 5
    Point.scale = 2
    return total


def instance_hides_class_attribute(n):
    point = Point(3, 4)
    total = 0
    for i in range(n):
        total += point.scaled()
        if i == n // 2:
            point.scale = 100
    return total


def method_is_replaced(n):
    point = Point(3, 4)
    original = Point.length2
    total = 0
    for i in range(n):
        total += point.length2()
        if i == n // 2:
            Point.length2 = lambda self: -self.x
        if i == n // 2 + 40:
            Point.length2 = original
    return total


def method_in_instance(n):
    point = Point(3, 4)
    total = 0
    for i in range(n):
        total += point.length2()
        if i == n // 2:
            point.length2 = lambda: 1
    return total


def class_is_changed(n):
    point = Point(3, 4)
    total = 0
    for i in range(n):
        total += point.length2()
        if i == n // 2:
            point.__class__ = Child
    return total


def bases_are_changed(n):
    class Base:
        def value(self):
            return 1

    class Other:
        def value(self):
            return 10

    class Changing(Base):
        pass

    thing = Changing()
    total = 0
    for i in range(n):
        total += thing.value()
        if i == n // 2:
            Changing.__bases__ = (Other,)
    return total


def dict_is_touched(n):
    point = Point(1, 2)
    total = 0
    for i in range(n):
        total += point.x + point.y
        point.x = i
        if i == n // 2:
            point.__dict__["y"] = 50
        if i == n // 2 + 100:
            point.__dict__ = {"x": 1000, "y": 2000}
    return total, sorted(point.__dict__.items())


def dict_is_held(n):
    point = Point(1, 2)
    held = vars(point)
    for i in range(n):
        point.x = point.x + 1
        if i % 500 == 0:
            held["y"] = held["x"]
    return point.x, point.y, held


def attribute_is_deleted(n):
    point = Point(1, 2)
    total = 0
    for i in range(n):
        total += point.x
        if i == n - 2:
            del point.x
    return total


def attribute_is_new(n):
    total = 0
    for i in range(n):
        point = Point(i, 1)
        point.z = i
        total += point.z
    return total


def many_instances(n):
    points = [Point(i, i * 0.5) for i in range(10)]
    total = 0
    for i in range(n):
        point = points[i % 10]
        point.x += 1
        total += point.x + point.y
    return total


def many_classes(n):
    things = [Point(1, 2), Child(3, 4), Point(5, 6), Child(0, 0)]
    total = 0
    for i in range(n):
        total += things[i % 4].length2()
    return total


def attribute_types_change(n):
    point = Point(0, 0)
    for i in range(n):
        if i == n // 3:
            point.x = 0.5
        if i == 2 * n // 3:
            point.x = 2**70
        point.x = point.x + 1
    return point.x


def slots(n):
    thing = Slots(1, 2)
    total = 0
    for _ in range(n):
        total += thing.step() + thing.b
    return total, thing.a, thing.b


def empty_slot(n):
    thing = Slots(1, 2)
    total = 0
    for i in range(n):
        total += thing.a
        if i == n - 2:
            del thing.a
    return total


def missing_attribute(n):
    point = Point(1, 2)
    total = 0
    for i in range(n):
        total += point.x if i < n - 2 else point.nothing
    return total


def attribute_of_none(n):
    point = Point(1, 2)
    total = 0
    for i in range(n):
        total += point.x
        if i == n - 2:
            point = None
    return total


def properties(n):
    thing = Properties()
    for _ in range(n):
        thing.value = thing.value + 1
    return thing.value, thing.reads


def static_and_class_methods(n):
    thing = Properties()
    total = 0
    for i in range(n):
        total += thing.double(i) + thing.name_length(i) + Properties.double(1) + Properties.name_length(2)
    return total


def dynamic(n):
    thing = Dynamic()
    total = 0
    for i in range(n):
        total += thing.abc + thing.defgh
        if i == n // 2:
            thing.abc = 1000
    return total


def intercepting(n):
    thing = Intercepting()
    total = 0
    for i in range(n):
        total += thing.magic
        thing.count = i
        total += thing.count
    return total


def overloaded(n):
    number = Number(0)
    total = 0
    for i in range(n):
        number = number + 1
        number = 2 + number
        if number < 1000:
            total += 1
        if number:
            total += 10
        total += len(number) + number[2] + number(1) + [10, 20][number]
    return total, number.value


def subclasses_of_numbers(n):
    i, x = SubInt(0), SubFloat(1.5)
    total = 0
    for _ in range(n):
        i = i + 1
        x = x * 1.0
        total += i
    return total, type(i).__name__, type(x).__name__, int(i)


def bound_method(n):
    point = Point(1, 2)
    method = point.length2
    total = 0
    for i in range(n):
        total += method()
        if i == n // 2:
            point.x = 10
    return total


def linked_list(n):
    class Node:
        def __init__(self, value, following):
            self.value = value
            self.following = following

    head = None
    for i in range(n):
        head = Node(i, head)
    total = 0
    node = head
    while node is not None:
        total += node.value
        node = node.following
    return total


def nbody(n):
    class Body:
        def __init__(self, x, y, vx, vy, m):
            self.x, self.y, self.vx, self.vy, self.m = x, y, vx, vy, m

    bodies = [Body(0.0, 0.0, 0.0, 0.0, 40.0), Body(4.0, 0.0, 0.0, 3.0, 1.0), Body(0.0, 7.0, 2.2, 0.0, 0.5)]
    for _ in range(n):
        for i in range(3):
            a = bodies[i]
            for j in range(i + 1, 3):
                b = bodies[j]
                dx, dy = a.x - b.x, a.y - b.y
                d2 = dx * dx + dy * dy
                force = 0.001 / (d2 * d2**0.5)
                a.vx -= dx * b.m * force
                a.vy -= dy * b.m * force
                b.vx += dx * a.m * force
                b.vy += dy * a.m * force
        for body in bodies:
            body.x += 0.001 * body.vx
            body.y += 0.001 * body.vy
    return [(body.x, body.y) for body in bodies]


for _ in range(2):
    show(reads, Point(1, 2), 1500)
    show(reads, Point(1.5, 2**70), 1500)
    show(reads, Child(1, True), 1500)
    show(reads, Slots(1, 2), 1500)
    show(writes, Point(1, 2), 1500)
    show(writes, Child(1, 2.0), 1500)
    show(methods, Point(1, 2), 1500)
    show(methods, Point(1.5, 2), 1500)
    show(methods, Child(1, 2), 1500)
    show(class_attribute, Point(1, 2), 1500)
for function in (class_attribute_changes, instance_hides_class_attribute, method_is_replaced, method_in_instance):
    show(function, 2500)
for function in (class_is_changed, bases_are_changed, dict_is_touched, dict_is_held, attribute_is_deleted):
    show(function, 2500)
for function in (attribute_is_new, many_instances, many_classes, attribute_types_change, slots, empty_slot):
    show(function, 2500)
for function in (missing_attribute, attribute_of_none, properties, static_and_class_methods, dynamic, intercepting):
    show(function, 2500)
for function in (overloaded, subclasses_of_numbers, bound_method, linked_list):
    show(function, 2500)
show(nbody, 400)
