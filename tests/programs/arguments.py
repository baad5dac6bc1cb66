"""How arguments get to parameters: defaults, names, keyword-only parameters, *args and **kwargs."""

from __future__ import annotations

from common import show


def plain(a, b=2, c=3):
    return a * 100 + b * 10 + c


def only(a, *, b, c=7):
    return a + b * c


def rest(a, *args):
    return a + len(args) * 10 + sum(args)


def first_of_rest(*args):
    return args[0] + args[-1]


def keywords(a, **names):
    return a + len(names)


def everything(a, /, b=2, *args, c=3, **names):
    return a + b + c + len(args) + len(names)


def kept(a, *args, **names):
    return a, args, names


def defaults(count):
    total = 0
    for i in range(count):
        total += plain(i) + plain(i, 5) + plain(i, 5, 6)
    return total


def by_name(count):
    total = 0
    for i in range(count):
        total += plain(i, c=i) + plain(c=1, a=i, b=2) + plain(b=i, a=1)
    return total


def keyword_only(count):
    total = 0
    for i in range(count):
        total += only(i, b=3) + only(1, c=i, b=2)
    return total


def tuples(count):
    total = 0
    for i in range(count):
        total += rest(i) + rest(i, 1) + rest(i, 1, i)
        total += first_of_rest(i) + first_of_rest(1, 2, i)
    return total


def names(count):
    total = 0
    for i in range(count):
        total += keywords(i) + everything(i) + everything(i, 1, 2, 3, c=i)
    return total


def keep(count):
    last = None
    for i in range(count):
        last = kept(i, 2.5, i)
    return last


def change_defaults(count):
    total = 0
    for i in range(count):
        if i == count // 2:
            plain.__defaults__ = (i, -i)
        total += plain(i)
    plain.__defaults__ = (2, 3)
    return total


def change_keyword_default(count):
    total = 0
    for i in range(count):
        if i == count // 2:
            only.__kwdefaults__["c"] = 100
        total += only(i, b=2)
    only.__kwdefaults__["c"] = 7
    return total


def grow(items=[]):  # noqa: B006
    items.append(len(items))
    return len(items)


def mutable_default(count):
    total = 0
    for _ in range(count):
        total += grow()
    return total


class Counter:
    def __init__(self):
        self.count = 0

    def add(self, by=1, *, twice=False):
        self.count += by * 2 if twice else by
        return self.count


def methods(count):
    counter = Counter()
    for i in range(count):
        counter.add()
        counter.add(i)
        counter.add(twice=True)
        Counter.add(counter, by=2)
    return counter.count


def bound(count):
    counter = Counter()
    add = counter.add
    for i in range(count):
        add(i)
        add()
    return counter.count


def failing(count):
    """Only the last turn's call fails, within the callee and in binding."""
    total = 0
    for i in range(count):
        total += plain(i, b=None if i == count - 1 else 1)
    return total


def missing(count):
    functions = [plain] * (count - 1) + [only]
    total = 0
    for function in functions:
        total += function(1)
    return total


for function in [defaults, by_name, keyword_only, tuples, names, keep, change_defaults, change_keyword_default]:
    show(function, 1500)
for function in [mutable_default, methods, bound, failing, missing]:
    show(function, 1500)


def builtins_by_name(count):
    total = 0
    for i in range(count):
        total += int("12", base=8 + i % 3) + len(dict(a=1, b=i)) + sum([i], start=1)
        total += max([1, i, 3], key=lambda value: -value)
        total += len("{a} {b}".format(a=i, b=2))
    return total


def wrong_name(count):
    total = 0
    for i in range(count):
        total += plain(i, b=1) if i < count - 1 else plain(i, d=1)
    return total


for function in [builtins_by_name, wrong_name]:
    show(function, 1500)
