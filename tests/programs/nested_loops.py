"""Loops in loops in calls: what an inner loop takes for granted changes with the outer one's turn, or the next call."""

from __future__ import annotations

from common import show


def table(rows, columns, start):
    cells = [0] * columns
    for row in range(start, rows):
        factor = row * 2
        for column in range(row % 3, columns):
            left = cells[column - 1]
            cells[column] = left + factor + column - row
    return sum(cells)


def tables(count):
    return [table(count // 10, 7, i) for i in range(5)] + [table(5 + i % 4, 6, i % 3) for i in range(count)][-5:]


class Grid:
    def __init__(self, size):
        self.size = size
        self.hits = 0

    def scan(self, by):
        last = None
        for i in range(self.size):
            self.hits += 1
            for j in range(i % 4):
                last = self.step(i, j, by)
        return last

    def step(self, i, j, by):
        self.hits += i * j + by
        return self.hits


def grids(count):
    grid = Grid(6)
    results = []
    for i in range(count):
        grid.hits = 0
        results.append(grid.scan(i % 5))
    return results[-6:], grid.hits


def words(count):
    names = ["one", "two", "three"]
    total = 0
    for i in range(count):
        name = names[i % 3]
        for letter in range(len(name)):
            kind = name if letter else None
            total += letter if kind is name else i
        kind = 2.5 if i % 2 else 1
        total += kind
    return total


def constants(count):
    total = 0
    state = "start"
    for i in range(count):
        for j in range(i % 5):
            if state == "start":
                total += j
            else:
                total -= i
        state = "start" if i % 7 else "end"
    return total


def lists(count):
    rows = [[i + j for j in range(i % 6)] for i in range(12)]
    total = 0
    for i in range(count):
        row = rows[i % 12]
        for item in row:
            total += item * i
            if item == 5:
                row = rows[0]
    return total


for function in [tables, grids, words, constants, lists]:
    show(function, 1500)
