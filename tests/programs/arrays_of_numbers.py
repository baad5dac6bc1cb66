"""Arrays of the module array: items read and written, lengths that change, types that differ, errors."""

from __future__ import annotations

import sys
from array import array
from typing import Any

from common import show

LOOPS = 3000


def read(values: Any) -> Any:
    """The sum of the items, from both ends."""
    total: Any = 0
    size = len(values)
    for i in range(LOOPS):
        total += values[i % size] - 2 * values[-1 - i % size]
    return total


def write(values: Any, item: Any) -> Any:
    """Items that depend on others."""
    size = len(values)
    for i in range(LOOPS):
        values[i % size] = item
        values[-2] = values[i % size]
    return values


def change(values: Any) -> Any:
    """Augmented assignments, and what was just written read back."""
    size = len(values)
    last = None
    for i in range(LOOPS):
        k = i % size
        values[k] += 1
        values[k] = values[k] * 3 % 101
        last = values[k], values[0]
    return last, list(values)


def grow(values: Any) -> Any:
    """The buffer moves within the loop."""
    total: Any = 0
    for i in range(LOOPS):
        values.append(i % 100)
        values[i] = values[len(values) - 1]
        total += values[i // 2]
        if i % 500 == 499:
            del values[10:20]
            values.extend([1] * 11)
    return total, len(values), values[-1], values[1000]


def too_far(values: Any, write_it: bool) -> Any:
    """An index that is out of range in the end."""
    total = 0
    for i in range(LOOPS):
        if write_it:
            values[i] = 1
        total += values[i]
    return total


def not_fitting(values: Any, items: Any) -> Any:
    """The last item does not fit."""
    for i in range(LOOPS):
        values[i % 7] = items[i * len(items) // LOOPS]
    return values


def several(arrays: Any) -> Any:
    """Arrays of different types come to the same instruction."""
    total: Any = 0
    for i in range(LOOPS):
        values = arrays[i * len(arrays) // LOOPS]
        values[1] = i % 50
        total += values[1] + values[2]
    return total


class Index:
    """An index by its method."""

    def __index__(self) -> int:
        return 2


def by_method(values: Any) -> Any:
    """An index that is an object, in the last turns."""
    index: Any = 1
    total: Any = 0
    for i in range(LOOPS):
        if i == LOOPS - 10:
            index = Index()
        values[index] += 1
        total += values[index]
    return total


class Mine(array):  # type: ignore[type-arg]
    """A subclass that counts what is read."""

    reads = 0

    def __getitem__(self, index: Any) -> Any:
        Mine.reads += 1
        return super().__getitem__(index)


class Matrix:
    """An array behind two indexes."""

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.data = array("d", [0]) * (width * height)

    def __getitem__(self, at: tuple[int, int]) -> float:
        x, y = at
        return self.data[y * self.width + x]

    def __setitem__(self, at: tuple[int, int], value: float) -> None:
        x, y = at
        self.data[y * self.width + x] = value


def relax(matrix: Matrix, height: int) -> float:
    """Means of neighbours."""
    for turn in range(30):
        for y in range(1, height - 1):
            for x in range(1, matrix.width - 1):
                mean = matrix[x, y - 1] + matrix[x, y + 1] + matrix[x - 1, y] + matrix[x + 1, y]
                matrix[x, y] = 0.25 * mean + (turn == 3) + x * 1e-3
    return sum(matrix.data)


def seen_from_outside(values: Any) -> Any:
    """A view of the same memory."""
    view = memoryview(values)
    total: Any = 0
    for i in range(LOOPS):
        view[i % 5] = i % 120
        values[(i + 1) % 5] = 7
        total += values[i % 5] * 2 + view[(i + 1) % 5]
    view.release()
    return total


def references(values: Any) -> Any:
    """Nobody keeps the array or its items."""
    before = sys.getrefcount(values)
    item = values[0]
    counts = sys.getrefcount(item)
    for i in range(LOOPS):
        values[i % 3] = item
        other = values[i % 3]
    del other
    return sys.getrefcount(values) - before, sys.getrefcount(item) - counts


for code in "dlqiBfbHu":
    if code == "u":
        continue
    numbers = array(code, [3, 1, 4, 1, 5, 9, 2, 6])
    show(read, numbers, note=f" {code}")
    show(write, array(code, numbers), 7, note=f" {code}")
    show(write, array(code, numbers), True, note=f" {code} True")
    show(write, array(code, numbers), 2.5, note=f" {code} 2.5")
    show(change, array(code, numbers), note=f" {code}")
    show(grow, array(code), note=f" {code}")
    show(too_far, array(code, [1] * (LOOPS - 5)), False, note=f" {code}")
    show(too_far, array(code, [1] * (LOOPS - 5)), True, note=f" {code} written")
    for wrong in (-1, 256, 2**31, -(2**31) - 1, 2**63, -(2**63), 2**63 - 1, 10**400, "a", None, float("nan"), -0.0):
        show(not_fitting, array(code, numbers), [1, 2, wrong], note=f" {code} {str(wrong)[:20]}")
    show(by_method, array(code, numbers), note=f" {code}")
    show(references, array(code, [100, 101, 102]), note=f" {code}")
    if code != "f":
        show(seen_from_outside, array(code, numbers), note=f" {code}")

show(write, array("d", [0.0] * 4), -0.0, note=" -0.0")
show(write, array("d", [0.0] * 4), float("inf"), note=" inf")
show(write, array("i", [0] * 4), -(2**31), note=" lowest")
show(write, array("q", [0] * 4), 2**63 - 1, note=" highest")
show(read, array("q", [2**63 - 1, -(2**63), 2**60, -(2**60)]), note=" large")
show(several, [array("d", [0.5] * 3), array("i", [1] * 3), array("B", [2] * 3), [1, 2, 3], array("d", [0.25] * 3)])
mine = Mine("d", [1.0, 2.0, 3.0])
show(read, mine, note=" of a subclass")
print(Mine.reads)
show(relax, Matrix(20, 15), 15)
show(read, array("d"), note=" of nothing")
