"""Floats: rounding, signed zeros, infinities, NaN, and ints among them."""

import math

from common import show

INF = float("inf")
NAN = float("nan")


def adds(n, step):
    x = 0.0
    for _ in range(n):
        x += step
    return x


def mixed(n):
    x = 0.0
    for i in range(n):
        x += i
        x -= i * 0.5
        x = x * 1.0001 - 1
        x = 3 + x / 2
    return x


def operators(n, a, b):
    s = 0.0
    last = None
    for i in range(n):
        s = a + b - a * b
        last = (s, -a, +b, a - b, a < b, a <= b, a == b, a != b, a > b, a >= b)
    return last


def divides(n, a, b):
    last = None
    for _ in range(n):
        last = (a / b, a // b, a % b)
    return last


def power(n, a, b):
    last = None
    for _ in range(n):
        last = a**b
    return last


def newton(n):
    total = 0.0
    for i in range(1, n):
        x = float(i)
        for _ in range(8):
            x = 0.5 * (x + i / x)
        total += x
    return total


def logistic(n):
    x = 0.4
    for _ in range(n):
        x = 3.9 * x * (1.0 - x)
    return x


def overflow(n):
    x = 1.0
    for _ in range(n):
        x *= 10.0
    return x


def underflow(n):
    x = 1.0
    for _ in range(n):
        x /= 10.0
    return x


def zero_division(n):
    total = 0.0
    for i in range(n, -1, -1):
        total += 1.0 / i
    return total


def float_zero_division(n, how):
    x = float(n)
    total = 0.0
    while x >= 0.0:
        if how == 0:
            total += 1.0 / x
        elif how == 1:
            total += 7.0 // x
        else:
            total += 7.0 % x
        x -= 1.0
    return total


def power_overflow(n):
    x = 1.5
    for i in range(n):
        x = x**1.01
    return x


def signed_zeros(n):
    z = -0.0
    plus = minus = 0
    for i in range(n):
        if math.copysign(1.0, z) < 0:
            minus += 1
        else:
            plus += 1
        z = -z
    return plus, minus, z, z + 0.0, z * -1


def nans(n):
    count = 0
    for i in range(n):
        x = NAN if i % 2 else float(i)
        if x == x:
            count += 1
        if x != x:
            count += 1000
        if not x < 5.0:
            count += 1_000_000
        if x:
            count += 1_000_000_000
    return count


def nan_identity(n):
    same = 0
    x = NAN
    for _ in range(n):
        y = x
        if x is y:
            same += 1
    return same


def big_ints(n):
    x = 2**80
    total = 0.0
    for i in range(n):
        total += x * 0.5
        if x > 1e24:
            total -= x
        x += 2**60
    return total


def int_float_compare(n):
    count = 0
    big = 2**53
    for i in range(n):
        if big + i == float(big):
            count += 1
        if big + i > 9007199254740992.0:
            count += 1000
        if i < 0.5:
            count += 1_000_000
    return count


def int_too_large(n):
    x = 10**300
    total = 0.0
    for i in range(n):
        total = total * 0.5 + x
        if i > n - 5:
            x *= 1000
    return total


def conversions(n):
    total = 0
    for i in range(n):
        x = i * 0.75 - 500.0
        total += int(x) + round(x) + int(-x) + (x > 0)
    return total


def conversion_of(n, x):
    last = None
    for _ in range(n):
        last = (bool(x), float(x), abs(x))
    return last


def to_int(n, x):
    last = None
    for _ in range(n):
        last = int(x)
    return last


def rounds(n, x):
    last = None
    for _ in range(n):
        last = round(x)
    return last


def kahan(n):
    total = compensation = 0.0
    for i in range(1, n):
        y = 1.0 / i - compensation
        t = total + y
        compensation = (t - total) - y
        total = t
    return total


def integral(n):
    h = 1.0 / n
    total = 0.0
    for i in range(n):
        x = (i + 0.5) * h
        total += 4.0 / (1.0 + x * x)
    return total * h


def min_max(n):
    low, high = INF, -INF
    x = 0.3
    for _ in range(n):
        x = x * 3.7 * (1.0 - x)
        low = min(low, x)
        high = max(high, x)
    return low, high


VALUES = [0.0, -0.0, 1.0, -1.5, 2.0**53, 1e308, -1e308, 5e-324, INF, -INF, NAN, 0.1]
for a in VALUES:
    for b in VALUES:
        note = f"({a}, {b})"
        show(operators, 12, a, b, note=note)
        show(divides, 12, a, b, note=note)
        show(power, 12, a, b, note=note)
for a in [*VALUES, 3, -3, True, 2**31, 2**62, 2**70, -(2**70), 0, 0.5, 1.5, 2.5, -0.5, 2.0**62, 2.0**63, -(2.0**63)]:
    show(conversion_of, 800, a, note=f"({a})")
    show(to_int, 800, a, note=f"({a})")
    show(rounds, 800, a, note=f"({a})")
for step in (0.1, 1e308, -5e-324, INF):
    show(adds, 2000, step)
show(operators, 1500, 1.25, -3.5)
show(divides, 1500, 7.25, -3.5)
show(power, 1500, 7.25, 0.5)
show(power, 1500, -8.0, 1 / 3)
show(mixed, 2000)
show(newton, 500)
show(logistic, 3000)
show(overflow, 1000)
show(underflow, 1000)
show(zero_division, 1500)
for how in range(3):
    show(float_zero_division, 1500, how)
show(power_overflow, 3000)
show(signed_zeros, 1501)
show(nans, 2000)
show(nan_identity, 1500)
show(big_ints, 2000)
show(int_float_compare, 1500)
show(int_too_large, 1500)
show(conversions, 2000)
show(kahan, 3000)
show(integral, 3000)
show(min_max, 3000)
