"""Functions that a loop makes: called at once, handed on, kept; and what can be seen while they wait for their call."""

from __future__ import annotations

import sys
from typing import Any

from common import show, text

TURNS = 1500
KEPT: list[Any] = []


def expressions():
    total = 0
    for i in range(TURNS):
        total += sum(j * i for j in (1, 2, 3))
        if any(j == i for j in range(3)):
            total += 1
    return total


def of_slices():
    pool, indices, total = tuple(range(9)), list(range(6)), 0
    for i in range(TURNS):
        row = tuple(pool[j] + i for j in indices[: i % 5])
        total += len(row) + sum(row)
    return total


def other_iterables():
    """What is gone through changes its type: traces are left while the function waits."""
    total = 0
    things = [[1, 2], (3, 4), {5: 6}, "ab", range(3), {7}, iter([8]), b"c"]
    for i in range(TURNS):
        total += len([*(str(j) + str(i) for j in things[i % 8])])
    return total


def not_iterable(i):
    return sum(j + i for j in (None if i % 7 == 0 else (i, 1)))


def errors():
    """The error is raised where the function would be called, and has never been."""
    found = []
    for i in range(TURNS):
        try:
            found.append(not_iterable(i))
        except TypeError as error:
            trace, lines = error.__traceback__, []
            while trace is not None:
                lines.append((trace.tb_frame.f_code.co_name, trace.tb_lineno - trace.tb_frame.f_code.co_firstlineno))
                trace = trace.tb_next
            found.append((str(error), lines))
    return found[:9], found[-9:]


def kept():
    KEPT.clear()
    for i in range(TURNS):
        j = i * 2
        one = lambda k: i + j + k  # noqa: B023, E731
        if i % 100 == 0:
            KEPT.append(one)
    return (
        [one(1) for one in KEPT],
        KEPT[3].__name__,
        KEPT[3].__qualname__,
        KEPT[3].__module__,
        len(KEPT[3].__closure__),
    )


def as_keys():
    rows, result = [(3, "c"), (1, "a"), (2, "b")], []
    for i in range(TURNS):
        rows.sort(key=lambda row: (row[0] + i) % 3)  # noqa: B023
        result = [*map(lambda row: row[1] * (i % 3), rows)]  # noqa: B023, C417
    return rows, result


def handed_on():
    """To Python functions, into containers, returned."""

    def call(f, x):
        return f(x)

    def adder(n):
        return lambda x: x + n

    total = 0
    for i in range(TURNS):
        total += call(lambda x: x * 2 + i, i)  # noqa: B023
        total += adder(i)(3)
        pair = (lambda: i), (lambda: -i)  # noqa: B023
        total += pair[i & 1]()
        total += {"f": lambda: 1}["f"]() + [lambda: 2][0]()
    return total


def a_loop_while_it_waits():
    total = 0
    for i in range(TURNS // 10):
        total += sum(j + i for j in [k * k for k in range(i % 40)])
        total += sum(j for j in range(len(str(sorted([i, 3, 1])))))
    return total


def cells_that_change():
    total = 0
    for i in range(TURNS):
        factor = i

        def change():
            nonlocal factor
            factor += 1
            return (1, 2)

        total += sum(factor * j for j in change())
    return total


def defaults():
    total = 0
    for i in range(TURNS):

        def f(a, b=i, *, c=2) -> int:
            return a + b + c

        total += f(1) + f(1, 2) + f(1, c=i) + len(f.__annotations__)
    return total


def seen():
    """Who calls while a function waits sees the frame as it is."""
    found = set()

    def look(i):
        frame = sys._getframe(1)
        found.add((frame.f_code.co_name, frame.f_lineno - frame.f_code.co_firstlineno, sorted(frame.f_locals)[0]))
        return (i,)

    for i in range(TURNS):
        if sum(j for j in look(i)) != i:
            return "wrong"
    return sorted(found)


def name_of_module():
    """It is that of the moment where the function is made."""
    names = globals()
    name = names["__name__"]

    def rename(i):
        names["__name__"] = f"m{i % 3}"
        return (i,)

    found = set()

    def note(f, x):
        found.add(f.__module__ == name)
        return f(x)

    for i in range(TURNS):
        note(lambda x: x, rename(i))
        names["__name__"] = name
    return sorted(found)


def counts():
    """Nothing holds on to the cells."""
    cell_content = object()
    before = sys.getrefcount(cell_content)
    for i in range(TURNS):
        any(cell_content is j for j in (1, i))
        if i % 97 == 0:
            sum(cell_content is j for j in (None if i == 970 else (1, i)) or ())
    return sys.getrefcount(cell_content) - before


for program in [
    expressions,
    of_slices,
    other_iterables,
    errors,
    kept,
    as_keys,
    handed_on,
    a_loop_while_it_waits,
    cells_that_change,
    defaults,
    seen,
    name_of_module,
    counts,
]:
    show(program)
print(text(len(KEPT)))
