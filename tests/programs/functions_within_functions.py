"""Functions that each call of the function around them makes anew: their code is the same, they are not."""

from __future__ import annotations

import gc
import sys
import weakref
from typing import Any

from common import show

TURNS = 120


def recursions():
    """A recursion through a cell, whose function is another one in each turn."""
    total = 0
    for turn in range(TURNS):

        def fib(k):
            return k if k < 2 else fib(k - 1) + fib(k - 2) + (turn & 1)

        total += fib(9)
    return total


def counted(depth):
    moves = 0

    def move(k, a, b, c):
        nonlocal moves
        if k:
            move(k - 1, a, c, b)
            moves += 1
            move(k - 1, c, b, a)

    move(depth, 0, 1, 2)
    return moves


def counters():
    return [counted(turn % 8) for turn in range(TURNS)]


def visits():
    """Loops within the recursion, and containers that its cells hold."""
    graph = {i: [(i * 7 + 3) % 40, (i * 11 + 5) % 40, (i + 1) % 40] for i in range(40)}
    found = []
    for turn in range(TURNS):
        seen: set[int] = set()
        order: list[int] = []

        def visit(u):
            seen.add(u)
            for v in graph[u]:
                if v not in seen:
                    visit(v)
            order.append(u)

        visit(turn % 40)
        found.append(order)
    return sum(len(order) for order in found), found[3], found[-1]


def queens(n):
    columns, left, right, count = set(), set(), set(), 0

    def place(row):
        nonlocal count
        if row == n:
            count += 1
            return
        for column in range(n):
            if column in columns or row + column in left or row - column in right:
                continue
            columns.add(column)
            left.add(row + column)
            right.add(row - column)
            place(row + 1)
            columns.remove(column)
            left.remove(row + column)
            right.remove(row - column)

    place(0)
    return count, len(columns)


def boards():
    return [queens(turn % 6) for turn in range(TURNS // 2)]


def helpers():
    """A helper in a local, with and without its default, which is another number in each turn."""
    total = 0
    for turn in range(TURNS):
        scale = turn % 7

        def area(x, y=2, *, z=3):
            return x * scale + y + z

        def shifted(x, by=turn):
            return x + by

        total += sum([area(i) + area(i, i) + area(i, z=i) + shifted(i) for i in range(6)])
    return total


def made(kind):
    if kind == 0:
        return lambda x: x + kind
    if kind == 1:
        return lambda x, y=7: x * y - kind
    return lambda *rest: len(rest) + kind


def lambdas():
    """The same place calls functions of several codes, each made anew."""
    total = 0
    for turn in range(TURNS * 4):
        function = made(turn % 3)
        total += function(turn) + function(turn + 1)
    return total


def decorated(function):
    def wrapper(*args):
        return function(*args) + 1

    return wrapper


@decorated
def twice(x):
    return x * 2


def wrappers():
    total = 0
    for turn in range(TURNS * 4):
        total += twice(turn)
    return total


class Ends:
    def __init__(self, name, log):
        self.name, self.log = name, log

    def __del__(self):
        self.log.append((self.name, sys._getframe(1).f_code.co_name, sys._getframe(1).f_lineno % 1000))


def ends():
    """The last reference to a function, and to what its cells hold, goes with a call."""
    log: list[Any] = []

    def make(turn):
        held = Ends(turn, log)

        def inner(x):
            return x + held.name

        return inner

    total = 0
    for turn in range(TURNS):
        total += make(turn)(1)
        log.append(total)
    return log


def given_up():
    """A recursion that forgets itself."""
    found = []
    for turn in range(TURNS):
        log: list[Any] = []
        held = Ends(turn, log)

        def inner(k):
            nonlocal inner, held
            if k == 0:
                inner = held = None
                log.append("gone")
                return 0
            return 1 + inner(k - 1)

        alive = weakref.ref(inner)
        found.append((inner(turn % 5), alive() is None, len(log)))
    return found


def references():
    """The frame of a call has a reference to its function, and nobody else has one for it."""
    found = []
    for turn in range(TURNS):

        def helper(k):
            return sys.getrefcount(helper) + len(str(k))

        found.append(helper(turn))
    return found


def frames():
    """Who looks sees the frames, and what they take from the function around them."""
    found: list[Any] = []
    for turn in range(TURNS):
        base = turn * 10

        def look(k):
            if k == 0:
                frame, names = sys._getframe(), []
                while frame is not None and frame.f_code.co_name in ("look", "frames"):
                    local = frame.f_locals
                    names.append((frame.f_code.co_name, frame.f_lineno % 1000, local.get("k"), local.get("base")))
                    frame = frame.f_back
                found.append(names)
                return k
            return look(k - 1)

        found.append(look(turn % 4))
    return found[:6], found[-6:], len(found)


def errors():
    found = []
    for turn in range(TURNS):

        def fail(k):
            if k == 0:
                return 1 // (turn % 3)
            return fail(k - 1) + turn

        try:
            found.append(fail(turn % 6))
        except ZeroDivisionError as error:
            trace, lines = error.__traceback__, []
            while trace is not None:
                lines.append((trace.tb_frame.f_code.co_name, trace.tb_lineno % 1000))
                trace = trace.tb_next
            found.append((str(error), lines))
    return found


def too_deep():
    def endless(k):
        return endless(k + 1)

    found = []
    for _ in range(6):
        try:
            endless(0)
        except RecursionError as error:
            found.append(str(error))
    return found


def changed():
    """The code or the defaults of such a function change, between calls and in one."""

    def other(x, y=1):
        return -x - y

    found = []
    for turn in range(TURNS):

        def plain(x, y=1):
            if turn == TURNS - 9 and x == 3:
                plain.__defaults__ = (100,)
            return x + y

        if turn % 40 == 30:
            plain.__code__ = other.__code__
        if turn % 40 == 35:
            plain.__defaults__ = (turn,)
        found.append(sum([plain(x) for x in range(6)]))
    return found


def changed_in_loop():
    def plain(x):
        return x + 1

    def other(x):
        return x + 1000

    def switch(at):
        if at == TURNS // 2:
            plain.__code__ = other.__code__
        return 0

    total = 0
    for turn in range(TURNS * 3):
        total += plain(turn) + switch(turn)
    return total


def other_globals():
    """The same code with other globals, and with other builtins."""
    code = compile("def make():\n    def inner(x):\n        return len(name) + x\n    return inner\n", "made", "exec")
    spaces: list[dict[str, Any]] = [{"name": "abc"}, {"name": "de"}, {"name": "f", "len": lambda text: 50}]
    makers = []
    for space in spaces:
        exec(code, space)
        makers.append(space["make"])
    total = []
    for turn in range(TURNS * 2):
        inner = makers[0 if turn < TURNS else turn % 3]()
        total.append(inner(turn))
    return sum(total), total[-9:]


def collected():
    """Cells and functions that hold each other are found by the collector."""
    alive = []

    def made(turn):
        def ring(k):
            return ring(k - 1) if k else turn

        ring(4)
        return weakref.ref(ring)

    for turn in range(TURNS):
        alive.append(made(turn))
    gc.collect()
    return sum(ref() is not None for ref in alive)


def generators():
    found = []
    for turn in range(TURNS):

        def walk(tree):
            if tree:
                yield from walk(tree[0])
                yield tree[1] + turn
                yield from walk(tree[2])

        found.append(sum(walk((((), 1, ()), 2, ((), 3, ())))))
    return sum(found)


def islands():
    counts = []
    for turn in range(TURNS // 4):
        grid = [[(i * j + i + turn) % 3 != 0 for j in range(9)] for i in range(9)]

        def sink(i, j):
            if not (0 <= i < 9 and 0 <= j < 9 and grid[i][j]):
                return 0
            grid[i][j] = False
            return 1 + sink(i + 1, j) + sink(i - 1, j) + sink(i, j + 1) + sink(i, j - 1)

        counts.append([size for i in range(9) for j in range(9) if (size := sink(i, j))])
    return counts


for function in (
    recursions,
    counters,
    visits,
    boards,
    helpers,
    lambdas,
    wrappers,
    ends,
    given_up,
    references,
    frames,
    errors,
    too_deep,
    changed,
    changed_in_loop,
    other_globals,
    collected,
    generators,
    islands,
):
    show(function)
