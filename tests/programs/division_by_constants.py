"""`//`, `%` and `>>` by constants, which become multiplications and shifts."""

from __future__ import annotations

from common import show

SPECIAL = [
    0,
    1,
    -1,
    2,
    -2,
    3,
    -3,
    6,
    7,
    -7,
    2**31,
    -(2**31),
    2**59,
    -(2**59),
    2**60,
    -(2**60),
    2**62,
    2**63 - 1,
    -(2**63),
]
SPECIAL += [2**63, -(2**63) - 1, 2**64, 10**30, -(10**30)]
DIVISORS = [
    3,
    5,
    6,
    7,
    9,
    10,
    11,
    60,
    97,
    100,
    127,
    255,
    257,
    1000,
    1_000_003,
    2**30 - 1,
    2**30 + 1,
    2**31 - 1,
    2**31,
    2**40 + 1,
]


def make(divisor):
    names = {}
    source = f"""
def divided(xs):
    total = 0
    for x in xs:
        q = x // {divisor}
        r = x % {divisor}
        if q * {divisor} + r != x or not 0 <= r < {divisor}:
            return x, q, r
        total = (total * 31 + q + r) % 1000003
    return total, q, r
"""
    exec(source, names)
    return names["divided"]


def numbers(divisor):
    near = [k * divisor + d for k in (-1000003, -5, -1, 0, 1, 2, 77, 2**40, 2**50) for d in (-1, 0, 1)]
    low = [i * i * i * 7 - 2**45 for i in range(500)]
    return low + near + SPECIAL + low


def shifted(xs):
    total = 0
    for x in xs:
        total = (total + (x >> 1) + (x >> 3) * 3 + (x >> 63) + (x >> 0) + (x >> 62)) % 1000003
    return total


def shifted_far(xs):
    total = 0
    for x in xs:
        total += (x >> 64) + (x >> 100)
    return total


def in_loop(n):
    total = i = 0
    while i < n:
        total += i * i % 1000003 - (i - 700) // 7 + (i - 700) % 7
        i += 1
    return total


for divisor in DIVISORS:
    show(make(divisor), numbers(divisor), note=f" {divisor}")
show(shifted, numbers(3))
show(shifted_far, numbers(3))
show(in_loop, 3000)
