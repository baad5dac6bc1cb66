"""Who owns what when a result is one of the operands, and what side traces of side traces have written."""

import sys
import warnings

from common import show


class Holder:
    def __init__(self, x):
        self.x = x


def twice(x):
    y = x * x
    return (y, y)


def item_of_a_tuple_that_dies(n):
    big = 10**30
    first = second = None
    for i in range(n):
        first = twice(big + i)[1]
        second = twice(big - i)[1]
    return first, second


def absolute_of_what_was_popped(n):
    numbers = [1000003 + i for i in range(n)]
    total = last = 0
    for i in range(n):
        last = abs(numbers.pop())
        total = total + last
    return total, last


def negative_exponent_of_a_big_int(n, exponents):
    big = 10**20
    positive = 0
    for i in range(n):
        if big ** exponents[i % len(exponents)] > 0:
            positive += 1
    return positive


def slice_of_another_type(n):
    text = ("a", "b", "c", "d")
    total = 0
    part = None
    for i in range(n):
        part = text[::2]
        total += len(part)
        text = "abcdefgh"
    return total, part


def swap_in_a_side_trace(n, p, q):
    total = 0
    for i in range(n):
        total += p.x
        if i % 7 == 6:
            p, q = q, p
            if i % 14 == 6:
                total += 1
                if i % 4 == 2:
                    total += 1
    return total


def store_in_a_side_trace(n, p):
    total = 0
    for i in range(n):
        total += p.x
        if i % 7 == 6:
            p.x = i
            if i % 14 == 6:
                total += 1
                if i % 4 == 2:
                    total += 1
    return total


def item_in_a_side_trace(n, numbers):
    total = 0
    for i in range(n):
        total += numbers[1]
        if i % 7 == 6:
            numbers[1] = i + 0.5
            if i % 14 == 6:
                total += 1
                if i % 4 == 2:
                    total += 1
    return total


def stored_twice(holder, numbers, x):
    y = holder.x = x + 2**70
    z = numbers[0] = x + 2**71
    holder.x = numbers[0] = 0
    w = x + 2**72
    return w - z - y


def local_outlives_what_it_was_stored_into(n):
    holder, numbers = Holder(1), [1, 2]
    total = 0
    for i in range(n):
        total = total + stored_twice(holder, numbers, i)
    return total


def swap_of_what_nobody_else_holds(n, p, q):
    for i in range(n):
        p, q = q, p
        if i % 9 == 6:
            p, q = q, Holder(i)
        if i % 100 == 7:
            q, p = p, p
    return p is q, p.x, sys.getrefcount(p), sys.getrefcount(q)


def inverted_truth(n):
    total = 0
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for i in range(n):
            total += ~(i > 3)
    return total, len(caught)


first, second = Holder(1), Holder(1000)
show(item_of_a_tuple_that_dies, 1200)
show(absolute_of_what_was_popped, 1200)
show(negative_exponent_of_a_big_int, 1201, [2] * 1200 + [-1])
show(negative_exponent_of_a_big_int, 1201, [2] * 1200 + [-20])
show(slice_of_another_type, 1200)
show(swap_in_a_side_trace, 6000, first, second)
show(store_in_a_side_trace, 6000, first)
show(item_in_a_side_trace, 6000, [1, 2.5, 3])
show(swap_of_what_nobody_else_holds, 1200, Holder(1), Holder(2))
show(swap_of_what_nobody_else_holds, 1200, first, second)
show(inverted_truth, 1200)
show(local_outlives_what_it_was_stored_into, 1200)
