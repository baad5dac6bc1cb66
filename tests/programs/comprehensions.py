"""Comprehensions, new lists, dicts and sets, what goes into them, and loops over them."""

import sys

from common import show


class Thing:
    def __init__(self, value):
        self.value = value

    def __repr__(self):
        return f"Thing({self.value})"


class Odd:
    """A key with the hash of another one."""

    log = []

    def __init__(self, like):
        self.like = like

    def __hash__(self):
        return hash(self.like)

    def __eq__(self, other):
        Odd.log.append(repr(other))
        return isinstance(other, Odd) and other.like == self.like


class Loud:
    log = []

    def __init__(self, value):
        self.value = value

    def __del__(self):
        Loud.log.append(self.value)


def list_comprehension(n):
    total = 0
    for i in range(n):
        a = [x * 2 for x in range(i % 7)]
        total += len(a) + sum(a)
    return total, a


def nested_comprehension(n):
    a = []
    for i in range(n):
        a = [[x * y for y in range(3)] for x in range(i % 4)]
    return a


def comprehension_in_comprehension(n):
    return [sum([y for y in range(x % 5)]) for x in range(n)]


def with_condition(n):
    return [x for x in range(n) if x % 3 if x % 5]


def hides_a_local(n):
    x = "kept"
    for i in range(n):
        a = [x for x in range(3)]
        if x != "kept":
            return "lost"
    return x, a


def hides_a_number(n):
    x = 0
    total = 0
    for i in range(n):
        a = [x for x in range(3)]
        x += 1
        total += a[2] + x
    return x, total


def hides_an_unbound_one(n):
    for i in range(n):
        a = [i for i in range(i % 3)]
    try:
        x
    except NameError as error:
        text = str(error)
    for i in range(n):
        b = [x for x in "ab"]
    if n < 0:
        x = 1
    return a, b, i, text


def hides_an_object(n):
    x = [1, 2]
    before = sys.getrefcount(x)
    for i in range(n):
        a = [x for x in range(2)]
    return x, a, sys.getrefcount(x) - before


def raises_inside(n):
    x = "kept"
    seen = 0
    for i in range(n):
        try:
            a = [10 // (x - i % 50) for x in range(1, 40)]
        except ZeroDivisionError:
            seen += 1
        if x != "kept":
            return "lost"
    return x, seen, len(a)


def raises_out(n):
    total = 0
    for i in range(n):
        total += sum([100 // (n - 10 - x) for x in range(i)])
    return total


def dict_comprehension(n):
    d = {}
    for i in range(n):
        d = {k: k * i for k in range(i % 5)}
    return d


def set_comprehension(n):
    s = set()
    total = 0
    for i in range(n):
        s = {k % 3 for k in range(i % 6)}
        total += len(s)
    return s, total


def pairs(n):
    d = {}
    for i in range(n):
        d = {k: v for k, v in zip("abc", range(i, i + 3))}
    return d


def literals(n):
    last = None
    for i in range(n):
        a = [i, i + 1, 2.5, "x", None, i % 2 == 0]
        b = {"a": i, "b": a, i: 1}
        c = {1, i, "x"}
        d = [*a, i, *(1, 2)]
        e = {**b, "c": 3}
        f = (*a, 1)
        g = {"k": i, "l": i + 1, "m": a}
        h = [[], {}, [i]]
        last = (a, b, len(c), d, e, f, g, h)
    return last


def set_literal(n):
    total = 0
    for i in range(n):
        s = {1, 2, 3, i % 5}
        total += len(s)
        if i % 7 in {1, 2, 3}:
            total += 1
    return total


def list_of_things(n):
    things = [Thing(k) for k in range(3)]
    counts = [sys.getrefcount(thing) for thing in things]
    for i in range(n):
        a = [things[0], things[1], things[i % 3]]
        b = [thing for thing in things]
        c = {thing: 1 for thing in things}
    del a, b, c, thing  # noqa: F821
    return [sys.getrefcount(thing) - count for thing, count in zip(things, counts)]


def loud_ones(n):
    Loud.log.clear()
    out = []
    for i in range(n):
        a = [Loud(i)]
        b = {i: Loud(-i)}
        out.append(len(Loud.log))
        a = None
    del a, b
    return out[-3:], len(Loud.log), Loud.log[-3:]


def dict_items(n):
    d = {}
    for i in range(n):
        d[i] = i * 2
        d[str(i % 10)] = d.get("x", i)
    total = 0
    for k in d:
        if k in d:
            total += d[k]
    for k, v in d.items():
        total += v
    for v in d.values():
        total += v
    for k in d.keys():
        total += len(str(k))
    return total, len(d)


def counting(n):
    counts = {}
    for i in range(n):
        key = "abcdefgh"[i % 8]
        if key in counts:
            counts[key] += 1
        else:
            counts[key] = 1
        if key not in counts:
            counts = None
    return counts


def counting_numbers(n):
    counts = {}
    for i in range(n):
        k = i * 7 % 31
        if k not in counts:
            counts[k] = 0
        counts[k] += i
    return counts


def tuple_keys(n):
    grid = {}
    for i in range(n):
        grid[i % 5, i % 7] = i
        grid[(i % 3, "x")] = [i]
    total = 0
    for y in range(7):
        for x in range(5):
            total += grid[x, y]
    return total, grid[1, "x"], len(grid)


def other_keys(n):
    d = {1.5: "a", None: "b", True: "c", b"x": "d", (1, 2.0): "e", 2**70: "f", Thing: "g"}
    out = []
    for i in range(n):
        for k in (1.5, None, True, b"x", (1.0, 2), 2**70, 1, 1.0, Thing):
            out.append(d[k])
        out.append(-1 in d)
        out.append(2**70 in d)
    return len(out), out[-11:]


def odd_keys(n):
    Odd.log.clear()
    d = {Odd("a"): 1, "b": 2, Odd(5): 3}
    s = {Odd("a"), Odd(7)}
    total = 0
    for i in range(n):
        if "a" in d:
            total += 1
        if 5 in d:
            total += 1
        if "a" in s:
            total += 1
        total += d["b"]
        d["a"] = i
        d[5] = i
        s.add(7)
    return total, len(d), len(s), len(Odd.log), Odd.log[-5:]


def missing(n):
    d = {"a": 1}
    seen = 0
    for i in range(n):
        try:
            seen += d["a" if i % 5 else "z"]
        except KeyError as error:
            seen += 100
            last = error.args
    return seen, last


def unhashable(n):
    d = {}
    seen = 0
    for i in range(n):
        try:
            d[[] if i % 9 == 8 else i] = 1
        except TypeError as error:
            seen += 1
            last = str(error)
    return seen, last, len(d)


def deleting(n):
    d = {}
    for i in range(n):
        d[i] = str(i)
        if i >= 10:
            del d[i - 10]
    return list(d.items()), len(d)


def dies_in_a_dict(n):
    Loud.log.clear()
    d = {}
    for i in range(n):
        d["x"] = Loud(i)
        d["y"] = [Loud(-i)]
        d[i % 3] = [i]
    return len(Loud.log), Loud.log[-4:]


def changes_size(n):
    d = {i: i for i in range(n)}
    out = []
    try:
        for k in d:
            out.append(k)
            if len(out) == n - 5:
                d[-1] = 0
    except RuntimeError as error:
        out.append(str(error))
    s = set(d)
    try:
        for k in s:
            out.append(k)
            if len(out) == n + 20:
                s.add("new")
    except RuntimeError as error:
        out.append(str(error))
    return len(out), out[-2:]


def loops_over(things, n):
    total = 0
    for i in range(n):
        for x in things:
            total += 1
            last = x
    return total, last


def zips(n):
    a, b = list(range(n)), "abc" * n
    out = 0
    for x, y in zip(a, b):
        out += x + len(y)
    it = iter(a)
    pairs = 0
    for x, y in zip(it, b[: n // 2]):
        pairs += 1
    left = list(it)
    for t in zip(a, a, a):
        last = t
    both = iter(a)
    for x, y in zip(both, both):
        out += y - x
    return out, pairs, len(left), left[:2], last


def backwards(n):
    a = list(range(n))
    total = 0
    for x in reversed(a):
        total = total * 3 % 1000 + x
    for x in reversed("abc" * n):
        total += ord(x) if False else len(x)
    for i, x in enumerate(a):
        if i == n - 1:
            total += x
    for i, x in enumerate("ab" * n, 5):
        total += i
    return total, i, x


def generator_zip(n):
    def numbers():
        yield from range(n)

    total = 0
    for x, y in zip(numbers(), range(n)):
        total += x * y
    return total


def clears(n):
    out = 0
    for i in range(n):
        a = [i]
        b = a
        out += sys.getrefcount(a)
        del a
        out += sys.getrefcount(b)
        c = i
        del c
    try:
        return out, c
    except NameError as error:
        return out, str(error)


def unbound_later(n):
    for i in range(n):
        x = i
        if i == n - 3:
            del x
            try:
                x
            except NameError as error:
                return str(error)


class Inner:
    def __init__(self, items):
        self.items = items

    def squares(self):
        return [x * x for x in self.items]

    def table(self):
        return {x: [x, str] for x in self.items}


def in_methods(n):
    inner = Inner([1, 2, 3])
    total = 0
    for i in range(n):
        total += inner.squares()[1]
        total += len(inner.table())
    return total, inner.table()[2][0]


def watched_globals(n):
    names = globals()
    for i in range(n):
        names["made_here"] = i
        names["Thing2"] = Thing
    return made_here, Thing2 is Thing  # noqa: F821


def references(n):
    key, value = "key" + str(n), ["value"]
    before = sys.getrefcount(key), sys.getrefcount(value)
    d = {}
    for i in range(n):
        d[key] = value
        d[i] = value
        x = d[key]
        y = {key: value, "b": value}
        z = [value, value]
        s = {key}
        w = [*z, value]
    del x, y, z, d, s, w
    return sys.getrefcount(key) - before[0], sys.getrefcount(value) - before[1]


N = 400
for function in (
    list_comprehension,
    nested_comprehension,
    comprehension_in_comprehension,
    with_condition,
    hides_a_local,
    hides_a_number,
    hides_an_unbound_one,
    hides_an_object,
    raises_inside,
    raises_out,
    dict_comprehension,
    set_comprehension,
    pairs,
    literals,
    set_literal,
    list_of_things,
    loud_ones,
    dict_items,
    counting,
    counting_numbers,
    tuple_keys,
    other_keys,
    odd_keys,
    missing,
    unhashable,
    deleting,
    dies_in_a_dict,
    changes_size,
    zips,
    backwards,
    generator_zip,
    clears,
    unbound_later,
    in_methods,
    watched_globals,
    references,
):
    show(function, N)
    show(function, N)

D = {"a": 1, "b": 2, 3: 4}
for things in (
    D,
    D.keys(),
    D.values(),
    D.items(),
    {1, 2, 3},
    frozenset("a"),
    "abc",
    "aé€",
    b"abc",
    bytearray(b"xyz"),
    range(5),
    range(2**70, 2**70 + 3),
    [],
    {},
    "",
):
    show(loops_over, things, 150, note=f" {type(things).__name__}")
