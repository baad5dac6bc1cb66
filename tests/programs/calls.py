"""Calls of Python functions: inlined, recursive, raising; tracebacks must name the same lines."""

import sys
import traceback

from common import show
from recursive import ackermann, fib


def add(a, b):
    return a + b


def nothing():
    pass


def absolute(x):
    if x < 0:
        return -x
    return x


def clamp(x, low, high):
    if x < low:
        return low
    elif x > high:
        return high
    else:
        return x


def outer(x):
    return middle(x) + middle(x + 1)


def middle(x):
    return inner(x) * 2


def inner(x):
    return x - 1


def with_default(x, y=10):
    return x + y


def with_keywords(x, *, y=1):
    return x - y


def with_rest(*args, **kwargs):
    return len(args) + len(kwargs)


def is_even(n):
    return True if n == 0 else is_odd(n - 1)


def is_odd(n):
    return False if n == 0 else is_even(n - 1)


def loop_inside(n):
    total = 0
    for i in range(n):
        total += i
    return total


def divides(a, b):
    return a // b


def raises_deep(x, limit):
    return raises_deeper(x, limit) + 1


def raises_deeper(x, limit):
    if x > limit:
        raise ValueError(
            "too large",
            x,
        )
    return x


def index(values, i):
    return values[i]


def call_add(n):
    total = 0
    for i in range(n):
        total = add(total, i)
    return total


def call_nothing(n):
    last = 5
    for _ in range(n):
        last = nothing()
    return last


def call_branches(n):
    total = 0
    for i in range(-n, n):
        total += absolute(i) + clamp(i, -100, 100)
    return total


def call_nested(n):
    total = 0
    for i in range(n):
        total += outer(i)
    return total


def call_defaults(n):
    total = 0
    for i in range(n):
        total += with_default(i) + with_default(i, 1) + with_default(y=i, x=2)
    return total


def call_keywords(n):
    total = 0
    for i in range(n):
        total += with_keywords(i) + with_keywords(i, y=5) + with_rest() + with_rest(i, i, k=i) + with_rest(*(1, 2))
    return total


def call_loop(n):
    total = 0
    for i in range(n):
        total += loop_inside(i % 10)
    return total


def call_lambda(n):
    square = lambda x: x * x  # noqa: E731
    total = 0
    for i in range(n):
        total += square(i)
    return total


def call_argument(function, n):
    total = 0
    for i in range(n):
        total = function(total, i)
    return total


def call_alternating(n):
    functions = [add, lambda a, b: a - b, max]
    total = 0
    for i in range(n):
        total = functions[i % 3](total, i)
    return total


def wrong_arguments(n):
    total = 0
    for i in range(n):
        total = add(total, i) if i < n - 1 else add(total)
    return total


def raise_in_inlined(n):
    total = 0
    for i in range(n, -1, -1):
        total += divides(1000, i)
    return total


def raise_deep(n):
    total = 0
    for i in range(n):
        total += raises_deep(i, n - 10)
    return total


def raise_and_catch(n):
    caught = total = 0
    for i in range(n):
        try:
            total += raises_deep(i % 50, 40)
        except ValueError as error:
            caught += error.args[1]
    return caught, total


def catch_in_callee(n):
    def safe(a, b):
        try:
            return a // b
        except ZeroDivisionError:
            return -1

    total = 0
    for i in range(n):
        total += safe(i, i % 7)
    return total


def traceback_of_caught(n):
    texts = set()
    for i in range(n):
        try:
            raises_deep(i % 10, 8)
        except ValueError:
            texts.add(traceback.format_exc())
    return sorted(texts)


def index_error(n):
    values = list(range(n))
    total = i = 0
    while True:
        total += index(values, i)
        i += 1


def overflow_in_inlined(n):
    total = 1
    for _ in range(n):
        total = add(total, total)
    return total


def types_change_in_inlined(n):
    total = 0
    for i in range(n):
        if i == n // 3:
            total = 0.5
        if i == n // 2:
            total = 2**70
        total = add(total, 1)
    total = ""
    for _ in range(10):
        total = add(total, "x")
    return total


def recursion_depth(n):
    return 0 if n == 0 else 1 + recursion_depth(n - 1)


def endless(n):
    return endless(n + 1) + 1


def endless_in_loop(n):
    total = 0
    for i in range(n):
        total += i if i < n - 1 else endless(0)
    return total


def depth_reached():
    """How deep Python can go from here, by two ways that must agree."""

    def down():
        nonlocal depth
        depth += 1
        down()

    def down_with_loop(k):
        nonlocal depth
        depth += 1
        for _ in range(3):
            k += 1
        down_with_loop(k)

    results = []
    for function in (down, lambda: down_with_loop(0)):
        for _ in range(3):
            depth = 0
            try:
                function()
            except RecursionError as error:
                results.append((depth, str(error)))
    return len(set(results[:3])), len(set(results[3:])), results[3][0] - results[0][0]


def recursion_in_loop(n):
    limit = sys.getrecursionlimit()
    failures = 0
    for i in range(n):
        try:
            recursion_depth(i % 3 * limit)
        except RecursionError:
            failures += 1
    return failures


def generators(n):
    def count(m):
        for i in range(m):
            yield i

    total = 0
    for i in range(n):
        for j in count(i % 5):
            total += j
    total += sum(k * k for k in range(n))
    return total


def frames(n):
    """The line that a frame stands at, as a callee sees it."""
    lines = set()
    for i in range(n):
        lines.add(sys._getframe().f_lineno)
        lines.add(
            caller_line(
                i,
            )
        )
    return sorted(lines)


def caller_line(_):
    return sys._getframe(1).f_lineno


def call_locals(n):
    total = 0
    for i in range(n):
        total += len(locals()) + locals()["i"]
    return total


def call_exec(n):
    total = 0
    for i in range(n):
        total += eval("i + 1")
    return total


show(call_add, 2000)
show(call_nothing, 2000)
show(call_branches, 1500)
show(call_nested, 2000)
show(call_defaults, 1500)
show(call_keywords, 1500)
show(call_loop, 2000)
show(call_lambda, 2000)
for function in (add, max, min, divmod, lambda a, b: b):
    show(call_argument, function, 1500)
show(call_alternating, 2000)
show(wrong_arguments, 1500)
show(raise_in_inlined, 1500)
show(raise_deep, 1500)
show(raise_and_catch, 2000)
show(catch_in_callee, 2000)
show(traceback_of_caught, 1500)
show(index_error, 1500)
show(overflow_in_inlined, 1500)
show(types_change_in_inlined, 1500)
show(fib, 17)
show(ackermann, 2, 9)
show(is_even, 300)
show(recursion_depth, 500)
show(endless_in_loop, 1500)
show(depth_reached)
show(recursion_in_loop, 30)
show(generators, 1500)
show(frames, 1500)
show(call_locals, 1500)
show(call_exec, 1500)
show(fib, 15)
