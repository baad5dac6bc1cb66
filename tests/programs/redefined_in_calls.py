"""What a trace takes for granted changes within a call that the trace itself makes."""

import builtins
import types

from common import show

N = 1200


class At:
    """An operator that does something at some turns."""

    def __init__(self, action, turns):
        self.action, self.turns = action, set(turns)

    def __add__(self, other):
        if other in self.turns:
            self.action(other)
        return other


TURNS = (3, 100, 101, 700, 701, 702, 1000)


def factor():
    return 1


def other_factor():
    return 10


SCALE = 3


def restore():
    global factor, SCALE
    factor = ORIGINAL
    SCALE = 3


ORIGINAL = factor


def global_function(n):
    def change(i):
        global factor
        factor = other_factor if i % 2 == 0 else ORIGINAL

    at = At(change, TURNS)
    total = 0
    for i in range(n):
        total += at + i
        total += factor()
    restore()
    return total


def global_function_before(n):
    """The function is on the stack when it changes: its argument is what changes it."""

    def change(i):
        global factor
        factor = other_factor if i % 2 == 0 else ORIGINAL

    at = At(change, TURNS)
    total = 0
    for i in range(n):
        total += twice(at + i) + factor()
    restore()
    return total


def twice(x):
    return x + x


def global_number(n):
    def change(i):
        global SCALE
        SCALE = i

    at = At(change, TURNS)
    total = 0
    for i in range(n):
        total += at + i
        total += SCALE
    restore()
    return total


def scaled(at, i):
    before = SCALE
    at + i
    return before * 1000 + SCALE


def global_number_in_call(n):
    def change(i):
        global SCALE
        SCALE = i

    at = At(change, TURNS)
    total = 0
    for i in range(n):
        total += scaled(at, i)
    restore()
    return total


def global_deleted(n):
    def change(i):
        global SCALE
        if i % 2:
            SCALE = 3
        else:
            globals().pop("SCALE", None)

    at = At(change, TURNS)
    total = errors = 0
    for i in range(n):
        at + i
        try:
            total += SCALE
        except NameError:
            errors += 1
    restore()
    return total, errors


def builtin_replaced(n):
    original = builtins.len

    def change(i):
        if i % 2:
            builtins.len = original
        else:
            builtins.len = lambda x: 100

    at = At(change, TURNS)
    total = 0
    xs = [1, 2]
    try:
        for i in range(n):
            at + i
            total += len(xs)
    finally:
        builtins.len = original
    return total


def builtin_shadowed(n):
    def change(i):
        if i % 2:
            globals().pop("len", None)
        else:
            globals()["len"] = lambda x: 1000

    at = At(change, TURNS)
    total = 0
    xs = [1, 2]
    for i in range(n):
        at + i
        total += len(xs)
    globals().pop("len", None)
    return total


class Shape:
    sides = 3

    def __init__(self, size):
        self.size = size

    def area(self):
        return self.size * self.sides

    def grow(self, at, i):
        before = self.size
        at + i
        return before + self.size + self.area()

    @property
    def double(self):
        return 2 * self.size


class Square(Shape):
    sides = 4

    def area(self):
        return -self.size


def method_replaced(n):
    original = Shape.area

    def change(i):
        Shape.area = (lambda self: 7) if i % 2 else original

    at = At(change, TURNS)
    shape = Shape(2)
    total = 0
    for i in range(n):
        total += shape.grow(at, i)
        total += shape.area()
    Shape.area = original
    return total


def method_bound_before(n):
    """The method was looked up before its argument replaced it."""
    original = Shape.area

    def change(i):
        Shape.area = (lambda self, *args: 7) if i % 2 else original

    at = At(change, TURNS)
    shape = Shape(2)
    total = errors = 0
    for i in range(n):
        try:
            total += shape.area(at + i)
        except TypeError:
            errors += 1
    Shape.area = original
    return total, errors


def class_attribute(n):
    def change(i):
        Shape.sides = i

    at = At(change, TURNS)
    shape = Shape(2)
    total = 0
    for i in range(n):
        total += shape.grow(at, i)
        total += shape.sides
    Shape.sides = 3
    return total


def instance_attribute_shadows(n):
    def change(i):
        if "sides" in shape.__dict__:
            del shape.sides
        else:
            shape.sides = i

    at = At(change, TURNS)
    shape = Shape(2)
    total = 0
    for i in range(n):
        total += shape.grow(at, i)
        total += shape.sides
    return total


def instance_method_shadows(n):
    def change(i):
        if "area" in shape.__dict__:
            del shape.area
        else:
            shape.area = lambda: i

    at = At(change, TURNS)
    shape = Shape(2)
    total = 0
    for i in range(n):
        total += shape.grow(at, i)
        total += shape.area()
    return total


def class_of_instance(n):
    def change(i):
        shape.__class__ = Square if type(shape) is Shape else Shape

    at = At(change, TURNS)
    shape = Shape(2)
    total = 0
    for i in range(n):
        total += shape.grow(at, i)
        total += shape.area() + shape.double
    return total


def dict_of_instance(n):
    def change(i):
        shape.__dict__ = {"size": i, "other": 1}

    at = At(change, TURNS)
    shape = Shape(2)
    total = 0
    for i in range(n):
        total += shape.grow(at, i)
        total += shape.size
        shape.size += 1
    return total, sorted(shape.__dict__.items())


def dict_taken(n):
    """The instance's dict is made while its values are used."""
    kept = []

    def change(i):
        kept.append(shape.__dict__)
        shape.__dict__["size"] = i

    at = At(change, TURNS)
    shape = Shape(2)
    total = 0
    for i in range(n):
        total += shape.grow(at, i)
        total += shape.size
        shape.size += 1
    return total, kept[0] is shape.__dict__, kept[0]["size"]


def attribute_deleted(n):
    def change(i):
        del shape.size

    at = At(change, TURNS)
    shape = Shape(2)
    total = errors = 0
    for i in range(n):
        try:
            total += shape.grow(at, i)
        except AttributeError:
            errors += 1
            shape.size = i
        total += shape.size
    return total, errors


def attribute_becomes(n):
    """Its type changes."""
    values = [2.5, "x", None, 2**70, True, 3, (1,)]

    def change(i):
        shape.size = values.pop()

    at = At(change, TURNS)
    shape = Shape(2)
    total = 0
    kinds = []
    for i in range(n):
        try:
            total += shape.grow(at, i)
        except TypeError:
            kinds.append(type(shape.size).__name__)
            shape.size = 1
        total += shape.size if type(shape.size) is int else 0
    return total, kinds


def getattr_added(n):
    def change(i):
        if hasattr(Shape, "__getattribute__") and "__getattribute__" in Shape.__dict__:
            del Shape.__getattribute__
        else:
            Shape.__getattribute__ = lambda self, name: object.__getattribute__(self, name) if name != "size" else 50

    at = At(change, TURNS)
    shape = Shape(2)
    total = 0
    for i in range(n):
        total += shape.grow(at, i)
        total += shape.size
    if "__getattribute__" in Shape.__dict__:
        del Shape.__getattribute__
    return total


def property_added(n):
    def change(i):
        if "size" in Shape.__dict__:
            del Shape.size
        else:
            Shape.size = property(lambda self: 77)

    at = At(change, TURNS)
    shape = Shape(2)
    total = 0
    for i in range(n):
        total += shape.grow(at, i)
        total += shape.size
    if "size" in Shape.__dict__:
        del Shape.size
    return total


def bases_changed(n):
    class A:
        def value(self):
            return 1

    class B:
        def value(self):
            return 100

    class C(A):
        pass

    def change(i):
        C.__bases__ = (B,) if C.__bases__ == (A,) else (A,)

    at = At(change, TURNS)
    c = C()
    total = 0
    for i in range(n):
        at + i
        total += c.value()
    return total


def with_default(at, i, k=1):
    at + i
    return k


def default_changed(n):
    def change(i):
        with_default.__defaults__ = (i,)

    at = At(change, TURNS)
    total = 0
    for i in range(n):
        total += with_default(at, i)
    with_default.__defaults__ = (1,)
    return total


def keyword_default(at, i, *, k=1):
    at + i
    return k


def keyword_default_changed(n):
    def change(i):
        keyword_default.__kwdefaults__["k"] = i

    at = At(change, TURNS)
    total = 0
    for i in range(n):
        total += keyword_default(at, i)
    keyword_default.__kwdefaults__ = {"k": 1}
    return total


def active(at, i):
    at + i
    return 1


def replacement(at, i):
    at + i
    return 1000


def code_of_active(n):
    """The function whose inlined frame is active gets another code."""
    original = active.__code__

    def change(i):
        active.__code__ = replacement.__code__ if active.__code__ is original else original

    at = At(change, TURNS)
    total = 0
    for i in range(n):
        total += active(at, i)
    active.__code__ = original
    return total


def function_dies(n):
    """The function whose inlined frame is active loses its name, and with it its last reference but the frame's."""
    namespace = {}
    text = "def gone(at, i):\n    x = i\n    at + i\n    return x + 1\n"

    def make():
        exec(text, namespace)

    def change(i):
        del namespace["gone"]
        make()

    make()
    at = At(change, TURNS)
    loop = "def loop(n, at):\n    total = 0\n    for i in range(n):\n        total += gone(at, i)\n    return total\n"
    exec(loop, namespace)
    return namespace["loop"](n, at)


def closure_changed(n):
    step = 1

    def add(at, i):
        before = step
        at + i
        return before + step

    def change(i):
        nonlocal step
        step = i

    at = At(change, TURNS)
    total = 0
    for i in range(n):
        total += add(at, i) + step
    return total


def list_changed(n):
    """A list that the loop walks over and indexes."""
    xs = list(range(n))

    def change(i):
        if i % 2:
            xs.append(5)
        else:
            del xs[-3:]

    at = At(change, TURNS)
    total = 0
    for x in xs:
        at + x
        total += x + xs[0] + xs[-1] + len(xs)
        if total > 10**12 or x == 5 and total > 10**6:
            break
    return total, len(xs)


def list_emptied(n):
    xs = list(range(n))

    def change(i):
        if i == 701:
            xs.clear()

    at = At(change, TURNS)
    count = 0
    for x in xs:
        y = at + x
        count += y
    return count, xs


def item_replaced(n):
    xs = [1, 2, 3]

    def change(i):
        xs[1] = "text" if i % 2 else 2.5

    at = At(change, TURNS)
    out = []
    for i in range(n):
        a = xs[1]
        at + i
        b = xs[1]
        if a is not b:
            out.append((a, b))
    return out


def class_replaced(n):
    class Small:
        def __init__(self, at, i):
            self.a = i
            at + i
            self.b = i

    def other(self, at, i):
        self.b = at + i
        self.a = 5

    original = Small.__init__

    def change(i):
        Small.__init__ = other if Small.__init__ is original else original

    at = At(change, TURNS)
    total = 0
    orders = set()
    for i in range(n):
        s = Small(at, i)
        total += s.a + s.b
        orders.add(tuple(s.__dict__))
    return total, sorted(orders)


def eq_added(n):
    class Plain:
        pass

    def change(i):
        if "__eq__" in Plain.__dict__:
            del Plain.__eq__
        else:
            Plain.__eq__ = lambda self, other: True

    at = At(change, TURNS)
    p, q = Plain(), Plain()
    total = 0
    for i in range(n):
        at + i
        if p == q:
            total += 1
        if p != q:
            total += 100
    return total


def bool_added(n):
    class Plain:
        pass

    def change(i):
        if "__bool__" in Plain.__dict__:
            del Plain.__bool__
        else:
            Plain.__bool__ = lambda self: False

    at = At(change, TURNS)
    p = Plain()
    total = 0
    for i in range(n):
        at + i
        if p:
            total += 1
    return total


def module_attribute(n):
    module = types.ModuleType("m")
    module.value = 1

    def change(i):
        if i == 101:
            module.__class__ = type("Other", (types.ModuleType,), {"value": property(lambda self: 5000)})
        module.value = i if i != 101 else 1

    def change_safely(i):
        try:
            change(i)
        except AttributeError:
            pass

    at = At(change_safely, TURNS)
    total = 0
    for i in range(n):
        at + i
        total += module.value
    return total


def operand_changes_class(n):
    """The left operand's class changes while the right one is computed."""

    class A:
        def __init__(self):
            self.x = 1

        def __mul__(self, other):
            return other

    class B(A):
        def __mul__(self, other):
            return -other

    a = A()

    def change(i):
        a.__class__ = B if type(a) is A else A

    at = At(change, TURNS)
    total = 0
    for i in range(n):
        total += a * (at + i) + a.x
    return total


def iterator_used_elsewhere(n):
    """The loop's own iterator is advanced by what the loop calls."""
    it = iter(range(n))
    taken = []

    def change(i):
        taken.append(next(it))

    at = At(change, TURNS)
    total = 0
    for i in it:
        total += at + i
    return total, taken


def list_iterator_used_elsewhere(n):
    it = iter(list(range(n)))
    taken = []

    def change(i):
        taken.append(next(it))
        if i == 702:
            it.__setstate__(900)

    at = At(change, TURNS)
    total = 0
    for i in it:
        total += at + i
    return total, taken


def iterator_by_frame(n):
    """The loop's iterator found through the collector."""
    import gc

    def change(i):
        for candidate in gc.get_objects():
            if type(candidate) is type(iter([])) and candidate.__reduce__()[1:2] and candidate.__length_hint__() > 50:
                found.append(candidate.__length_hint__() > 0)
                break

    found = []
    xs = list(range(n))
    at = At(change, TURNS)
    total = 0
    for x in xs:
        total += at + x
    return total, len(found)


for function in (
    global_function,
    global_function_before,
    global_number,
    global_number_in_call,
    global_deleted,
    builtin_replaced,
    builtin_shadowed,
    method_replaced,
    method_bound_before,
    class_attribute,
    instance_attribute_shadows,
    instance_method_shadows,
    class_of_instance,
    dict_of_instance,
    dict_taken,
    attribute_deleted,
    attribute_becomes,
    getattr_added,
    property_added,
    bases_changed,
    default_changed,
    keyword_default_changed,
    code_of_active,
    function_dies,
    closure_changed,
    list_changed,
    list_emptied,
    item_replaced,
    class_replaced,
    eq_added,
    bool_added,
    module_attribute,
    operand_changes_class,
    iterator_used_elsewhere,
    list_iterator_used_elsewhere,
    iterator_by_frame,
):
    show(function, N)
    show(function, N, note=" again")
