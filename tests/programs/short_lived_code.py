"""Code objects that die while what is known of them waits or rests, and others that come to the same addresses."""

import gc

SOURCE = """
def loop(n):
    total = 0
    for i in range(n):
        total += i * {factor}
    return total

def start(a, b):
    c = a * {factor} + b
    d = c - a if c > b else c + a
    e = d * 2 + (a & 7) - (b | 3)
    return c + d + e
"""


def make(factor):
    names = {}
    exec(SOURCE.format(factor=factor), names)
    return names["loop"], names["start"]


def use(pair, turns):
    loop, start = pair
    return loop(turns), sum(start(i, i + 1) for i in range(turns))


def short_lives():
    # Each pair dies before the next one is made.
    total = 0
    for factor in range(1, 60):
        pair = make(factor)
        total += sum(use(pair, 9))
        del pair
    return total


def long_and_short():
    kept = [make(factor) for factor in (2, 3)]
    total = 0
    for factor in range(1, 40):
        for pair in kept:
            total += sum(use(pair, 70))
        total -= sum(use(make(factor), 3))
        if factor % 13 == 0:
            kept[factor % 2] = make(factor)
            gc.collect()
    return total


for _ in range(3):
    print(short_lives())
    print(long_and_short())
