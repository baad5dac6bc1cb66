"""Recursion: functions with a trace from their start call themselves and each other natively."""

import sys
import traceback

from recursive import ackermann, fib


class Node:
    def __init__(self, value, left, right):
        self.value = value
        self.left = left
        self.right = right

    def total(self):
        result = self.value
        if self.left is not None:
            result += self.left.total()
        if self.right is not None:
            result += self.right.total()
        return result


def tree(depth):
    if depth == 0:
        return None
    return Node(depth, tree(depth - 1), tree(depth - 1))


def depth_of(node):
    if node is None:
        return 0
    left = depth_of(node.left)
    right = depth_of(node.right)
    if left > right:
        return left + 1
    return right + 1


def is_even(n):
    if n == 0:
        return True
    return is_odd(n - 1)


def is_odd(n):
    if n == 0:
        return False
    return is_even(n - 1)


def plain():
    for n in (1, 2, 5, 10, 15, 16, 17):
        print("fib", n, fib(n))
    print("ackermann", [ackermann(2, n) for n in range(12)])
    nodes = tree(9)
    for _ in range(5):
        print("tree", nodes.total(), depth_of(nodes))
    print("parity", [is_even(n) for n in range(40)], is_even(700), is_odd(701))


# ---- exceptions -----------------------------------------------------------------------------------


def count_down(n, trap):
    if n == trap:
        raise ValueError(f"trap at {n}")
    if n == 0:
        return 0
    return count_down(n - 1, trap) + 1


def guarded(n, trap):
    if n == 0:
        return 0
    if n == trap:
        try:
            return guarded(n - 1, -1) // 0
        except ZeroDivisionError:
            return -1000
    return guarded(n - 1, trap) + 1


def lines(error):
    return [(entry.name, entry.lineno) for entry in traceback.extract_tb(error.__traceback__)]


def exceptions():
    for n in range(60):
        count_down(40, -1)
        guarded(30, 10 if n % 20 == 19 else -1)
    for trap in (0, 1, 3, 17, 39, 40):
        try:
            count_down(40, trap)
        except ValueError as error:
            found = lines(error)
            print("raised", error, len(found), found[:2], found[-3:])
    print("handled", [guarded(30, trap) for trap in (0, 1, 2, 7, 29, 30)])


def overflow(n):
    return overflow(n + 1) + 1


def overflow_of_lists(n, items):
    items.append(n)
    return overflow_of_lists(n + 1, items) + 1


def limits():
    for n in range(300):
        count_down(20, -1)
    for _ in range(4):
        try:
            overflow(0)
        except RecursionError as error:
            print("limit", error, len(lines(error)))
    for _ in range(3):
        items = []
        try:
            overflow_of_lists(0, items)
        except RecursionError as error:
            print("limit", error, len(items), len(lines(error)))
    before = sys.getrecursionlimit()
    try:
        for limit in (200, 401, 1500):
            sys.setrecursionlimit(limit)
            reached = 0
            for n in range(1, 2000):
                try:
                    count_down(n, -1)
                except RecursionError as error:
                    print("deep", error, len(lines(error)) == limit - 3 or len(lines(error)))
                    break
                reached = n
            print("reached", limit, reached)
        sys.setrecursionlimit(40_000)
        print("very deep", count_down(30_000, -1))
        try:
            count_down(20_000, 3)
        except ValueError as error:
            print("from below", len(lines(error)))
    finally:
        sys.setrecursionlimit(before)


# ---- who looks ------------------------------------------------------------------------------------


def look(n, at, seen):
    if n == at:
        frame = sys._getframe()
        while frame.f_code.co_name != "<module>":
            seen.append((frame.f_code.co_name, frame.f_lineno, frame.f_locals.get("n"), frame.f_locals.get("twice")))
            frame = frame.f_back
        return 0
    if n == 0:
        return 0
    twice = n * 2
    return look(n - 1, at, seen) + twice


def keep(n, at, kept):
    if n == at:
        kept.append(sys._getframe())
        return n
    if n == 0:
        return 0
    below = keep(n - 1, at, kept)
    return below + n


def frames():
    for _ in range(100):
        look(30, -1, [])
        keep(30, -1, [])
    for at in (0, 1, 2, 5, 29):
        seen = []
        print("look", look(30, at, seen), len(seen), seen[:2], seen[-4:])
    for at in (1, 9):
        kept = []
        print("keep", keep(30, at, kept))
        frame, chain = kept[0], []
        while frame.f_code.co_name == "keep":
            chain.append((frame.f_locals["n"], frame.f_locals.get("below")))
            frame = frame.f_back
        print("kept", chain[:3], chain[-2:])


def tracing(n, events):
    if n == 0:
        return 0
    if n == 5 and events is not None:

        def trace(frame, event, argument):
            if frame.f_code.co_name == "tracing":
                events.append((event, frame.f_lineno, argument))
            return trace

        sys.settrace(trace)
    result = tracing(n - 1, events) + 1
    if n == 6:
        sys.settrace(None)
    return result


def traced():
    for _ in range(100):
        tracing(10, None)
    events = []
    print("traced", tracing(10, events), events)


# ---- what lives and dies ---------------------------------------------------------------------------


class Loud:
    alive = 0

    def __init__(self, n):
        Loud.alive += 1
        self.n = n

    def __del__(self):
        Loud.alive -= 1
        frame = sys._getframe(1)
        deaths.append((self.n, frame.f_code.co_name, frame.f_locals.get("n")))


deaths = []


def hand_down(n, thing):
    if n == 0:
        return 0
    return hand_down(n - 1, thing) + 1


def fresh(n, thing):
    if n == 0:
        return 0
    return fresh(n - 1, Loud(n)) + 1


def lists(n, items):
    if n == 0:
        return items
    return lists(n - 1, [items, n])


def deaths_in_recursion():
    for _ in range(60):
        hand_down(20, Loud(-1))
        fresh(12, None)
    print("alive", Loud.alive, len(deaths), deaths[:4], deaths[-14:])
    marker = object()
    before = sys.getrefcount(marker)
    for _ in range(200):
        hand_down(25, marker)
        lists(25, marker)
    print("references", sys.getrefcount(marker) - before)
    big = 10**30
    before = sys.getrefcount(big)
    for _ in range(200):
        hand_down(25, big)
    print("references", sys.getrefcount(big) - before, sys.getrefcount(hand_down) < 6)


# ---- what changes ----------------------------------------------------------------------------------


def changing(n):  # noqa: F811
    global changing
    if n == 0:
        return 0
    if n == 7 and change[0]:
        old = changing

        def changing(n):
            return 1000 if n < 3 else old(n - 1) + 100

    return changing(n - 1) + 1


change = [False]


def redefined():
    for _ in range(200):
        changing(20)
    old = changing
    change[0] = True
    print("changed", changing(20), changing is old)
    change[0] = False
    print("after", [changing(n) for n in (1, 2, 3, 8, 20)], old(5))


def poly(n, value):
    if n == 0:
        return value
    return poly(n - 1, value) + value


def types():
    for value in (1, 1.5, "a", [1], (1,), True, 1 << 70, -1, 2**62):
        results = [poly(9, value) for _ in range(40)]
        print("poly", results[0] == results[-1], results[-1], type(results[-1]))


# ---- generators, defaults, closures, methods --------------------------------------------------------


def walk(node):
    if node is not None:
        yield from walk(node.left)
        yield node.value
        yield from walk(node.right)


def sums(node):
    if node is None:
        return 0
    return sum(x for x in (sums(node.left), node.value, sums(node.right)))


def defaults(n, step=1, *, extra=2):
    if n <= 0:
        return extra
    return defaults(n - step, step) + defaults(n - 3, extra=1)


def stars(n, *args, **kwargs):
    if n == 0:
        return len(args) + len(kwargs)
    return stars(n - 1, n, *args, key=n)


def make(base):
    def inner(n):
        if n == 0:
            return base
        return inner(n - 1) + base

    return inner


class Base:
    def step(self, n):
        if n == 0:
            return 1
        return self.step(n - 1) + 1


class Derived(Base):
    def step(self, n):
        if n % 3 == 0:
            return super().step(n)
        return self.step(n - 1) + 2

    @classmethod
    def of_class(cls, n):
        return 0 if n == 0 else cls.of_class(n - 1) + 1

    @staticmethod
    def of_none(n):
        return 0 if n == 0 else Derived.of_none(n - 1) + 1


def loops(n):
    total = 0
    for i in range(n):
        total += loops(i) if i < 4 else i
    return total


def writes(n, items, state):
    if n == 0:
        return 0
    before = items[0] + state.value
    items[0] += 1
    state.value += 2
    inner = writes(n - 1, items, state)
    return inner + items[0] + state.value - before


def others():
    nodes = tree(6)
    for _ in range(12):
        list(walk(nodes))
        sums(nodes)
    print("generators", list(walk(nodes))[:9], sums(nodes))
    print("defaults", [defaults(n) for n in range(12)], stars(30))
    functions = [make(base) for base in (1, 2.5, "x")]
    for _ in range(60):
        results = [function(12) for function in functions]
    print("closures", results)
    for _ in range(60):
        results = [Base().step(20), Derived().step(20), Derived.of_class(20), Derived.of_none(20)]
    print("methods", results)
    print("loops", [loops(n) for n in range(9)])
    for _ in range(60):
        items, state = [0], Node(0, None, None)
        result = writes(20, items, state)
    print("writes", result, items, state.value)


def hanoi(n, source, target, spare, moves):
    if n == 0:
        return 0
    count = hanoi(n - 1, source, spare, target, moves)
    moves[source] -= 1
    moves[target] += 1
    return count + 1 + hanoi(n - 1, spare, target, source, moves)


def tak(x, y, z):
    if y >= x:
        return z
    return tak(tak(x - 1, y, z), tak(y - 1, z, x), tak(z - 1, x, y))


def games():
    moves = [10, 0, 0]
    print("hanoi", hanoi(10, 0, 2, 1, moves), moves)
    print("tak", tak(12, 8, 4), tak(12.0, 8.0, 4.0))


plain()
exceptions()
limits()
frames()
traced()
deaths_in_recursion()
redefined()
types()
others()
games()
plain()
