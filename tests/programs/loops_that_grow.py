"""Loops in calls that are short at first and long later, and numbers that only some turns change."""

from __future__ import annotations

from common import show

LIMIT = 60


def steps_of(x: int, y: float) -> int:
    """Few steps for small numbers, many for large ones."""
    total = 0
    for step in range(LIMIT):
        if step * 3 > x:
            return step + total % 2
        total += step
        y = y * 0.5 + step
        if y > 1e9:
            return -1
    return LIMIT


def picture(rows: int, columns: int) -> tuple[int, int, list[int]]:
    """The first rows take few steps each."""
    inside = total = 0
    each = []
    for row in range(rows):
        for column in range(columns):
            steps = steps_of(row * row // 8 + column % 5, column * 0.25)
            total += steps
            if steps == LIMIT:
                inside += 1
        each.append(total)
    return inside, total, each


def and_back(rows: int, columns: int) -> int:
    """Short, long, and short again."""
    total = 0
    for row in range(rows):
        size = row if row < rows // 2 else rows - row
        for column in range(columns):
            total += steps_of(size * 4, column * 0.5)
    return total


def hits(n: int, share: int) -> tuple[int, float, int, bool]:
    """Counters that a branch alone changes."""
    count = least = 1000
    weight = 0.0
    state = 12345
    for i in range(n):
        state = (1_664_525 * state + 1_013_904_223) % 2**32
        if state // 2**16 % 100 < share:
            count += 1
            weight += state / 2**32
        elif state % 64 == 0:
            least -= i % 2
    return count, weight, least, count is least


def last_of(n: int) -> tuple[object, object]:
    """A number where there was something else before."""
    found: object = None
    other: object = "text"
    for i in range(n):
        if i % 3 == 0:
            found = i * 1000
        elif i % 3 == 1:
            other = i / 8
    return found, other


def too_large(n: int) -> int:
    """The counter leaves 64 bits in a branch."""
    count = 2**62
    for i in range(n):
        if i % 4:
            count += 2**52
        if count % 8 == 3:
            return i
    return count


def by_powers(values: list[int]) -> list[tuple[int, int, float]]:
    """Division by constants that are powers of two."""
    found = []
    for _ in range(40):
        found = []
        for x in values:
            found.append((x % 8, x // 8, x / 8))
            found.append((x % 2**40, x // 2**40, x / 2**40))
            found.append((x % 1, x // 1, x / 1))
            found.append((x % 2**61, x // 2**61, x / 2**61))
            found.append((x % -8, x // -8, x / -8))
            found.append((x % 12, x // 12, x / 12))
    return found


show(picture, 40, 150)
show(and_back, 40, 100)
for part in (1, 10, 50, 90, 99):
    show(hits, 6000, part, note=f" {part}")
show(last_of, 3000)
show(too_large, 5000)
EDGES = [0, 1, 7, 8, 9, 2**30, 2**40 - 1, 2**40, 2**53, 2**53 + 1, 2**59, 2**60, 2**62, 2**63 - 1, 2**63, 2**70, 10**40]
show(by_powers, EDGES + [-edge for edge in EDGES] + [True, False])
show(by_powers, list(range(-300, 300, 7)), note=" small")
