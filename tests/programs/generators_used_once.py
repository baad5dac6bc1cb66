"""Generators that a builtin goes through outside of any loop: the function around them is compiled from its start."""

from __future__ import annotations

from common import show

CALLS = 40
NUMBERS = list(range(700))


def squares(numbers):
    return sum(x * x for x in numbers)


def first_above(numbers, bound):
    return any(x > bound for x in numbers), all(x < bound for x in numbers)


def pairs(count):
    return sum(1 for a in range(count) for b in range(count) if a * b % 7 == 0)


def triples(count):
    return [(a, b, c) for a, b, c in ((a, b, a + b) for a in range(count) for b in range(a)) if c % 3 == 0]


def helper(numbers):
    def scaled(k):
        return k * 2 + len(numbers)

    return sum(scaled(i) for i in numbers)


def joined(numbers):
    return len(",".join(str(x) for x in numbers))


def best(numbers):
    return max(x % 101 for x in numbers), min(x % 7 - x for x in numbers), sorted(-x for x in numbers)[:2]


def zipped(numbers):
    return sum(a * b for a, b in zip(numbers, reversed(numbers)))


def of_generators(numbers):
    def inner():
        for x in numbers:
            if x % 2:
                yield x

    return sum(x + 1 for x in inner()), list(x * 2 for x in (y + 1 for y in numbers[:50]))


def after_loops(numbers):
    total = 0
    for x in numbers:
        total += x & 3
    return total + sum(x for x in numbers if x & 1)


def mixed(numbers):
    """What comes changes its type in the midst of one call."""
    return sum(x if x % 100 else float(x) for x in numbers)


def failing(numbers, at):
    return sum(1 // (x - at) for x in numbers)


def caught(numbers):
    found = []
    for at in (-1, 5, 690, 900):
        try:
            found.append(failing(numbers, at))
        except ZeroDivisionError as error:
            trace, lines = error.__traceback__, []
            while trace is not None:
                lines.append((trace.tb_frame.f_code.co_name, trace.tb_lineno % 1000))
                trace = trace.tb_next
            found.append(lines)
    return found


def calls(function, *args):
    results = [function(*args) for _ in range(CALLS)]
    return results[0] == results[-1], results[-1]


def in_turn():
    """Each function is called again and again, and the numbers change in the last calls."""
    yield calls(squares, NUMBERS)
    yield calls(first_above, NUMBERS, 650)
    yield calls(pairs, 40)
    yield calls(triples, 12)
    yield calls(helper, NUMBERS)
    yield calls(joined, NUMBERS)
    yield calls(best, NUMBERS)
    yield calls(zipped, NUMBERS)
    yield calls(of_generators, NUMBERS)
    yield calls(after_loops, NUMBERS)
    yield calls(mixed, NUMBERS)
    yield calls(caught, NUMBERS)
    floats = [float(x) for x in NUMBERS]
    yield calls(squares, floats)
    yield calls(squares, [x << 40 for x in NUMBERS])
    yield calls(first_above, floats, 3.5)
    yield calls(helper, range(0))
    yield calls(zipped, ())


def results():
    return list(in_turn())


show(results)
