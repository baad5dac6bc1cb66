"""`heapq` on lists of numbers, tuples, strings and of what has its own way to be compared."""

from __future__ import annotations

import heapq
from heapq import heappop, heappush
from typing import Any

from common import show

TURNS = 120
GRAPH = {i: [((i * 7 + j * 13) % 60, (i + j) % 9 + 1) for j in range(4)] for i in range(60)}


def noise(seed):
    while True:
        seed = seed * 1103515245 + 12345 & 0x7FFFFFFF
        yield seed >> 8


def numbers():
    found, source = [], noise(3)
    for turn in range(TURNS // 4):
        heap: list[Any] = []
        for _ in range(turn):
            heappush(heap, next(source) % 50)
        found.append([heappop(heap) for _ in range(len(heap))])
    return found[-1], sum(map(sum, found)), all(one == sorted(one) for one in found)


def states():
    """The list is the same after each step, item by item."""
    heap, seen, source = [], [], noise(7)
    for turn in range(TURNS * 2):
        item = next(source) % 30
        if item % 3 and heap:
            seen.append(heappop(heap))
        else:
            heappush(heap, (item, turn) if turn % 2 else (item, -turn))
        seen.append(tuple(heap))
    return hash(tuple(seen)), len(heap), heap[:5]


def shortest(start):
    distances, heap = {start: 0}, [(0, start)]
    while heap:
        distance, node = heappop(heap)
        if distance > distances[node]:
            continue
        for other, weight in GRAPH[node]:
            new = distance + weight
            if new < distances.get(other, 1 << 30):
                distances[other] = new
                heappush(heap, (new, other))
    return sum(distances.values())


def paths():
    return [shortest(turn % 60) for turn in range(TURNS)][-9:]


class Task:
    compared = 0

    def __init__(self, name):
        self.name = name

    def __lt__(self, other):
        Task.compared += 1
        return self.name < other.name


def others():
    """Ties are broken by code of the program, or by an error."""
    found = []
    for kind in (Task, str, float, list, dict, complex):
        heap: list[Any] = []
        log = []
        for turn in range(TURNS):
            last = {Task: Task(turn % 7), str: str(turn), float: turn / 3, list: [turn], dict: {}, complex: 1j}[kind]
            try:
                heappush(heap, (turn % 5, last))
                if turn % 3 == 2:
                    log.append(heappop(heap)[0])
            except TypeError as error:
                log.append(str(error))
        found.append((len(heap), log[-5:]))
    return found, Task.compared


def mixed():
    """Ints, floats, large numbers, bools and not a number."""
    source, found, heap = noise(5), [], []
    values = [1, 2.5, 2**70, True, -(2**65), 0.0, -0.0, 3, float("nan"), 1e300]
    for turn in range(TURNS * 2):
        heappush(heap, values[next(source) % len(values)])
        if len(heap) > 9:
            found.append(heappop(heap))
    return repr(found[-20:]), repr(heap)


def errors():
    found = []
    heap: list[Any] = []
    for turn in range(TURNS):
        try:
            if turn % 40 == 39:
                heappush(heap, "text")
            elif turn % 10 == 9:
                heappop([])
            elif turn % 25 == 24:
                heappush((1, 2), 3)
            else:
                heappush(heap, turn)
        except (TypeError, IndexError) as error:
            found.append((turn, str(error), len(heap)))
    return found, len(heap)


class Ends:
    def __init__(self, log):
        self.log = log

    def __del__(self):
        self.log.append(len(self.log))


def ends():
    log: list[int] = []
    for turn in range(TURNS):
        heap: list[Any] = []
        heappush(heap, (turn, Ends(log)))
        heappush(heap, (turn - 1, Ends(log)))
        one = heappop(heap)
        if turn % 3:
            del one
        heap = heapq.nsmallest(1, heap)
        log.append(-turn)
    return log[:20], len(log)


def within():
    """The list is gone through while it changes."""
    found = []
    for turn in range(TURNS):
        heap = [3, 5, 4]
        for item in heap:
            if len(heap) < 6:
                heappush(heap, item + turn % 4)
            found.append(item)
        found.append(heap.count(heap[0]))
    return sum(found), found[:12]


for function in (numbers, states, paths, others, mixed, errors, ends, within):
    show(function)
