"""Functions that are hot without a loop in them: traces from a function's start."""

from __future__ import annotations

import functools
import itertools
import re
import sys
import traceback
from collections import deque

from common import show
from recursive import ackermann, fib

DRIVE = 60


def drive(function, values):
    """Calls the function from C, so that no loop's trace inlines it."""
    return list(map(function, values))


def mean(pair):
    a, b = pair
    if a > b:
        return (a * 3.5 + b * 2.5 - a * b, a, b)
    if a == b:
        return a
    return a * 1.5 - b * 0.5 + a * b * a


def sort_keys():
    pairs = [(i * 7 % 31 + 0.5, i * 13 % 29 + 0.25) for i in range(DRIVE)]
    first = sorted(pairs, key=lambda pair: (pair[1] * 2 - pair[0], pair[0]))[:5]
    second = min(pairs, key=lambda pair: pair[0] * pair[1] - pair[1])
    third = max(enumerate(pairs), key=lambda item: item[1][0] + item[1][1] * item[0] % 7)
    return first, second, third


def callbacks():
    def scale(x, factor=3):
        return x * factor + 1

    total = functools.reduce(lambda a, b: (a * 31 + b * 7) % 1000003, range(DRIVE), 1)
    kept = list(filter(lambda x: x % 3 == 1 and x * x % 5 != 4, range(DRIVE)))
    words = re.sub(r"[a-z]+", lambda match: "<" + match.group(0) + ">", "one two three " * 15)
    groups = [(key, len(list(group))) for key, group in itertools.groupby(range(DRIVE), lambda x: x * x % 100 // 7)]
    return total, kept, words[-30:], groups[:7], drive(scale, range(DRIVE))[-3:], list(map(scale, range(9), range(9)))


class Vector:
    """Dunder methods that C slots call, and properties."""

    __slots__ = ("x", "y")
    made = 0

    def __init__(self, x, y):
        self.x = x
        self.y = y

    def __lt__(self, other):
        return self.x * other.y < other.x * self.y

    def __eq__(self, other):
        if not isinstance(other, Vector):
            return NotImplemented
        return self.x == other.x and self.y == other.y

    def __hash__(self):
        return self.x * 31 + self.y * 7

    def __bool__(self):
        return self.x > 0

    def __len__(self):
        return self.x + self.y

    def __getitem__(self, index):
        if index == 0:
            return self.x
        if index == 1:
            return self.y
        raise IndexError(index)

    @property
    def norm(self):
        x, y = self.x, self.y
        return x * x + y * y + x * y - 2 * x - 3 * y

    @norm.setter
    def norm(self, value):
        self.x = value // 2
        self.y = value - self.x * 2


def slots():
    vectors = [Vector(i * 7 % 31 + 1, i * 13 % 29 + 1) for i in range(DRIVE)]
    ordered = [(v.x, v.y) for v in sorted(vectors)][:6]
    distinct = len(set(vectors + vectors))
    true = sum(map(bool, vectors))
    lengths = sum(map(len, vectors))
    norms = list(map(Vector.norm.fget, vectors))
    for vector in vectors:
        vector.norm = vector.norm + 1
    pairs = list(map(tuple, vectors))
    return ordered, distinct, true, lengths, norms[-4:], vectors[-1].norm, pairs[-1], vectors.index(Vector(*pairs[9]))


def build(depth):
    return (
        None
        if depth == 0
        else (build(depth - 1), depth, build(depth - 1 if depth % 3 else depth - 2 if depth > 2 else 0))
    )


def visit(tree):
    if tree is None:
        return 0
    left, value, right = tree
    return value + visit(left) * 2 - visit(right)


def is_even(n):
    return True if n == 0 else is_odd(n - 1)


def is_odd(n):
    return False if n == 0 else is_even(n - 1)


def recursion():
    return fib(14), ackermann(2, 6), visit(build(9)), is_even(60), is_odd(60), [fib(i) for i in range(10)]


def polymorphic(x):
    if x:
        y = x * 2
    else:
        y = x
    return y + y


def kinds():
    values = [1, 2.5, True, 10**20, "ab", (1, 2), 0, 0.0, "", 1 << 62, -(1 << 62), [3]]
    return drive(polymorphic, values * 8)[:14]


def branches(x):
    if x % 2:
        if x % 3:
            return x * 5
        if x % 5:
            return x - 1
        return "fifteen"
    if x % 7 == 0:
        return None
    return -x


def both_branches():
    return drive(branches, range(200))[-34:]


def divide(a, b):
    c = a * 3 + 1
    d = c // b
    return d + a % b


def inner_raise(x):
    return divide(x, x % 11)


def raises(x):
    before = x * 2
    result = inner_raise(before)
    return result + before


def exceptions():
    seen = []

    def guarded(x):
        try:
            return raises(x)
        except ZeroDivisionError as error:
            lines = [
                (entry.name, entry.lineno - raises.__code__.co_firstlineno)
                for entry in traceback.extract_tb(error.__traceback__)
            ]
            frame = error.__traceback__.tb_next.tb_frame
            seen.append((lines, sorted(frame.f_locals.items())))
            return None
        finally:
            seen.append(x)

    results = drive(guarded, range(DRIVE))
    return results[-13:], seen[-14:]


def uncaught():
    return drive(raises, itertools.chain(range(1, 11), range(1, 11), range(12)))


def redefine():
    """The function, its defaults, its code and what it reads change on the way."""
    results = []

    def work(x, step=2):
        return x * step + OFFSET + helper(x)

    global OFFSET
    for phase in range(6):
        results.append(sum(map(work, range(DRIVE))))
        if phase == 0:
            OFFSET = 100
        elif phase == 1:
            work.__defaults__ = (5,)
        elif phase == 2:
            globals()["helper"] = lambda x: x - 1
        elif phase == 3:
            work.__code__ = other.__code__
        elif phase == 4:
            work.__defaults__ = (1.5,)
    OFFSET = 7
    globals()["helper"] = first_helper
    return results


OFFSET = 7


def helper(x):
    return x * x


first_helper = helper


def other(x, step):
    return x * step - OFFSET


def deep(n):
    return 0 if n == 0 else 1 + deep(n - 1)


def limits():
    """The recursion limit is where it is."""
    drive(deep, range(40))
    seen = []
    before = sys.getrecursionlimit()
    for limit in (200, 150, 300):
        sys.setrecursionlimit(limit)
        try:
            low, high = 1, 400
            while low + 1 < high:
                middle = (low + high) // 2
                try:
                    deep(middle)
                    low = middle
                except RecursionError:
                    high = middle
            seen.append(low)
        finally:
            sys.setrecursionlimit(before)
    return [b - a for a, b in itertools.pairwise(seen)], str(deep(500))


def twice(x):
    return x * 2 + x // 3 - (x & 5)


def numbers(n):
    i = 0
    while i < n:
        yield twice(i)
        i += 1


def generators():
    """Generators call hot functions, and are no function starts themselves."""
    drive(twice, range(DRIVE))
    first = sum(numbers(DRIVE))
    gens = [numbers(5) for _ in range(20)]
    second = [next(gen) for gen in gens] + [next(gen) for gen in reversed(gens)]
    third = sum(twice(x) for x in range(DRIVE))
    for gen in gens:
        gen.close()
    return first, second[-3:], third


class Noisy:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        LOG.append(self.name)


LOG = []


def make_and_drop(x):
    first = Noisy(x)
    second = Noisy(-x)
    LOG.append("made")
    return x * 2 if first is not second else 0


def finalizers():
    """What dies when the frame goes dies in the same order."""
    LOG.clear()
    total = sum(map(make_and_drop, range(1, DRIVE)))
    return total, LOG[-9:], len(LOG)


def swap_return(a, b):
    c = a + b
    a = b
    b = c
    return a, b, c


def keeps(x):
    frames.append(sys._getframe())
    y = x * 2 + 1
    z = y * y
    return z - x


frames = deque(maxlen=3)


def frames_outlive():
    """Locals of a frame that somebody holds are seen after its end."""
    results = drive(keeps, range(DRIVE))
    return results[-2:], [sorted(frame.f_locals.items()) for frame in frames]


def closures():
    def make(step):
        count = 0

        def add(x):
            nonlocal count
            count += x * step
            return count

        return add

    adders = [make(i) for i in range(1, 6)]
    return [drive(adder, range(DRIVE))[-1] for adder in adders for _ in range(3)]


def keywords(a, b=2, *, c=3):
    return a * 100 + b * 10 + c


def arguments():
    partial = functools.partial(keywords, c=5)
    return drive(keywords, range(DRIVE))[-1], drive(partial, range(DRIVE))[-1], list(map(keywords, range(9), range(9)))


def unhashable(x):
    return {x: 1}[x] if x < 50 else [x][0]


def swaps():
    return list(map(swap_return, range(DRIVE), range(DRIVE, 0, -1)))[-2:]


def mutual(x):
    """Calls come from C and from Python."""
    return x + sum(map(twice, (x, x + 1)))


def nested():
    return drive(mutual, range(DRIVE))[-3:]


if __name__ == "__main__":
    for function in (
        sort_keys,
        callbacks,
        slots,
        recursion,
        kinds,
        both_branches,
        exceptions,
        uncaught,
        redefine,
        limits,
        generators,
        finalizers,
        frames_outlive,
        closures,
        arguments,
        swaps,
        nested,
    ):
        show(function)
    show(drive, mean, [(i % 7 + 0.5, i % 5 + 0.5) for i in range(DRIVE)])
    show(drive, unhashable, range(DRIVE))
