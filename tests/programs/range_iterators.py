"""Iterators of ranges that a trace has only in parts become objects where somebody wants them."""

from common import show


def kept_across_a_call(n):
    """A general operation needs all of the frame in memory."""
    seen = []

    def note(value):
        seen.append(value) if value % 7 == 0 else None
        return value

    total = 0
    for i in range(n):
        for j in range(i % 5):
            total += note(i * j)
        total += len(str(i).zfill(3))
    return total, len(seen)


def unbound_again(n):
    """What CPython does at the end of a comprehension, with an iterator below."""
    total = 0
    for i in range(n):
        total += sum([j for j in range(i % 6) if j & 1])
        try:
            total += {0: 1}[i & 1]
        except KeyError:
            total -= 1
    return total


def strides(n):
    total = 0
    for i in range(n):
        for j in range(i, -i, -3):
            if j % 4 == 1:
                continue
            if j < -40:
                break
            total += j
        for j in range(0, i, 1 + i % 3):
            total ^= j
    return total


def inner(items, n):
    for i in range(n):
        if i == items[0]:
            return i
    return -1


def within_a_call(n):
    total = 0
    for i in range(n):
        total += inner([i % 9], 7)
        total += inner((i % 11,), i % 13)
    return total


class Loud:
    def __init__(self, at):
        self.at = at

    def __eq__(self, other):
        if other == self.at:
            raise ValueError(other)
        return False

    __hash__ = None


def raised_within(n):
    total = 0
    for i in range(n):
        try:
            for j in range(i % 8):
                if Loud(5) == j:
                    total += 1
                total += j
        except ValueError as error:
            total += error.args[0]
    return total


def not_looped_over_at_once(n):
    total = 0
    for i in range(n):
        numbers = range(i % 4, i % 7)
        total += len(numbers) + sum(numbers)
        for j in numbers:
            total += j
        total += sum(x * y for x, y in zip(range(3), range(2, 9, 2)))
    return total


def long_lists(n):
    """One local is an iterator's variable and a list's in turn."""
    out = []
    for i in range(n):
        x = [x for x in range(i % 3)]
        for x in range(len(x)):
            out.append(x)
        if not i % 50:
            out.append(str(x))
    return len(out), out[-3:]


def main():
    for function in (
        kept_across_a_call,
        unbound_again,
        strides,
        within_a_call,
        raised_within,
        not_looped_over_at_once,
        long_lists,
    ):
        for n in (3, 60, 400):
            show(function, n)


main()
