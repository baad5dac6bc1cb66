"""The builtins and the functions of `math` that traces know, with good and bad arguments."""

import math
from math import cos, sin, sqrt

from common import show, text

VALUES = [0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 2.5, -3.75, 700.0, 1e18, -1e300, 5e-324]
VALUES += [float("inf"), float("-inf"), float("nan"), 0, 1, -7, True, 2**70]
ONE = "sqrt floor ceil trunc fabs sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh exp exp2 expm1 log log2"
ONE += " log10 log1p cbrt erf erfc gamma lgamma radians degrees isnan isinf isfinite"
TWO = "atan2 fmod pow copysign hypot log ldexp"

TEMPLATE = """
def loop(values, rounds):
    results = []
    for x in values:
        r = None
        try:
            for _ in range(rounds):
                r = {expression}
        except Exception as error:
            r = (type(error).__name__, str(error))
        results.append(r)
    return results
"""


def run(expression, values):
    names = {"math": math}
    exec(TEMPLATE.format(expression=expression), names)
    results = names["loop"](values, 60)
    print(expression, *[text(result) for result in results], sep="\n  ")


def sines(n):
    total = 0.0
    for i in range(n):
        total += sin(i * 0.1) * cos(i * 0.1) + sqrt(i)
    return total


def floors(n):
    total = 0
    for i in range(n):
        x = i * 0.37 - 300.0
        total += math.floor(x) * 3 + math.ceil(x) + math.trunc(x)
    return total


def floor_too_large(n):
    x = 1.5
    total = 0
    for _ in range(n):
        total ^= math.floor(x)
        x *= 1.03
    return total


def domain_error(n):
    total = 0.0
    for i in range(n, -2, -1):
        total += math.sqrt(i)
    return total


def log_of_zero(n):
    total = 0.0
    for i in range(n, -1, -1):
        total += math.log(i)
    return total


def exp_overflow(n):
    total = 0.0
    for i in range(n):
        total += math.exp(i)
    return total


def lengths(n):
    text, values, pair, raw = "häßlich", [1, 2], (1, 2, 3), b"abcd"
    total = 0
    for i in range(n):
        total += len(text) + len(values) + len(pair) + len(raw)
        if i % 100 == 0:
            values.append(i)
    return total


def length_of(n, x):
    total = 0
    for _ in range(n):
        total += len(x)
    return total


def absolutes(n):
    total = 0
    for i in range(-n, n):
        total += abs(i) + abs(i * 0.5) + abs(i < 0)
    return total


def absolute_at_edge(n):
    total = 0
    x = -(2**62) - n // 2
    for _ in range(n):
        total ^= abs(x)
        x += 1
    return total


def smallest(n):
    total = 0
    for i in range(n):
        total += min(i, 500) + max(i, 500) + min(i, 3, 7) + max([i, 5]) + min(i, 2.5) + max(True, i)
    return total


def keeps_first(n):
    a, b = 1000.0, 500.0 * 2
    count = 0
    for _ in range(n):
        if min(a, b) is a:
            count += 1
        if max(a, b) is a:
            count += 1
        if min(b, a) is b:
            count += 1
    return count


def minimum_with_nan(n):
    nan = float("nan")
    last = None
    for _ in range(n):
        last = (min(nan, 1.0), min(1.0, nan), max(nan, 1.0), max(1.0, nan), min(0.0, -0.0), min(-0.0, 0.0))
    return last


def same_object(n):
    big, x, flag = 10**20, 2.5, True
    count = 0
    for _ in range(n):
        if int(big) is big:
            count += 1
        if float(x) is x:
            count += 1
        if bool(flag) is flag:
            count += 1
        if +big is big:
            count += 1
        if round(big) is big:
            count += 1
    return count


def conversions_of_text(n):
    total = 0
    for i in range(n):
        total += int("12") + int(float("2.5")) + int("ff", 16) + len(str(i)) + bool("")
    return total


def rounds_with_digits(n):
    total = 0.0
    for i in range(n):
        total += round(i * 0.123, 1) + round(i, -1) + round(i * 0.5)
    return total


def calls_with_keywords(n):
    total = 0
    for i in range(n):
        total += int(str(i), base=16) + sum((i, 1), start=2) + max((1, i), default=0)
    return total


def argument_errors(n, how):
    total = 0
    for i in range(n):
        if i == n - 2:
            if how == 0:
                total += len(i)
            elif how == 1:
                total += abs("x")
            elif how == 2:
                total += len()
            elif how == 3:
                total += math.sqrt("x")
            else:
                total += min(1)
        total += abs(i)
    return total


def other_builtins(n):
    total = 0
    for i in range(n):
        total += ord("a") + len(chr(97 + i % 26)) + hash(i) % 7 + divmod(i, 7)[1] + pow(i, 2) + pow(3, i, 7)
        total += isinstance(i, int) + callable(i) + sum([i, 1]) + len(sorted([2, 1])) + any([i]) + all([0])
    return total


for name in ONE.split():
    run(f"math.{name}(x)", VALUES)
for name in TWO.split():
    run(f"math.{name}(x, 2)", VALUES)
    run(f"math.{name}(2.5, x)", VALUES)
for expression in ("int(x)", "float(x)", "bool(x)", "round(x)", "abs(x)", "min(x, 1.0)", "max(1, x)", "len(x)"):
    run(expression, [*VALUES, "12", "x", None, [1], (1, 2), b"3", bytearray(b"ab"), {1: 2}, range(5)])
show(sines, 2000)
show(floors, 2000)
show(floor_too_large, 2500)
show(domain_error, 1500)
show(log_of_zero, 1500)
show(exp_overflow, 1500)
show(lengths, 1500)
for thing in ("abc", [1], (1, 2), b"abc", bytearray(b"abcd"), {1: 2}, {3}, range(10), 5):
    show(length_of, 800, thing)
show(absolutes, 1000)
show(absolute_at_edge, 2000)
show(smallest, 1500)
show(keeps_first, 1500)
show(minimum_with_nan, 1500)
show(same_object, 1500)
show(conversions_of_text, 1500)
show(rounds_with_digits, 1500)
show(calls_with_keywords, 1500)
for how in range(5):
    show(argument_errors, 1500, how)
show(other_builtins, 1500)
