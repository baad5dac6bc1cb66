"""Loops over generators that the body, or the generator, makes visible: operations that may run any Python code."""

from __future__ import annotations

import operator
from typing import Any

from common import show

TURNS = 1500


class Truth:
    """Its truth is asked by way of a function in C that traces know nothing of."""

    def __init__(self, number):
        self.number = number

    def __len__(self):
        return self.number


class Tokens:
    def __init__(self, count):
        self.count = count
        self.queue: Any = []

    def state(self):
        self.count -= 1
        self.queue.append(self.count)
        if self.count % 5 == 0:
            self.queue.append(-self.count)
        return self.count > 0

    def __iter__(self):
        while self.state():
            while operator.truth(Truth(len(self.queue))):
                yield self.queue.pop(0)


def numbers(count):
    total = 0
    for i in range(count):
        total += operator.length_hint((i, i)) + i
        yield total


def through_tokens():
    total = 0
    for token in Tokens(TURNS):
        last, new = None, token
        while new is not None:
            last = new
            new = None if new % 3 else new + 1
        total += last
    return total


def through_numbers():
    total = 0
    for number in numbers(TURNS):
        total ^= number
    return total


def body_looks(count=TURNS):
    generator = numbers(count)
    total = 0
    for number in generator:
        total += operator.index(number)
        if operator.lt(total, 0):
            generator.close()
    return total


def both_in_turn():
    total = 0
    for kind in range(6):
        one, other = numbers(TURNS // 3), Tokens(TURNS // 3)
        for number in one if kind % 2 else other:
            total += operator.index(number)
    return total


def left_half_way():
    total = 0
    for turn in range(40):
        for number in numbers(TURNS):
            total += operator.index(number)
            if number > 500 + turn:
                break
    return total


def delegated(count):
    yield operator.index(count)
    yield from numbers(count)


def through_delegation():
    return sum(operator.index(number) for number in delegated(TURNS))


show(through_tokens)
show(through_numbers)
show(body_looks)
show(both_in_turn)
show(left_half_way)
show(through_delegation)
