"""Estimates pi by throwing darts, with a linear congruential generator written out in Python."""

from __future__ import annotations

import sys

MODULUS = 2**32


def advance(state: int) -> int:
    """The next state of the generator (the constants are those of Numerical Recipes)."""
    return (1_664_525 * state + 1_013_904_223) % MODULUS


def darts(n: int, seed: int) -> int:
    """How many of n darts hit the quarter of the circle."""
    hits = 0
    state = seed
    for _ in range(n):
        state = advance(state)
        x = state / MODULUS
        state = advance(state)
        y = state / MODULUS
        if x * x + y * y <= 1.0:
            hits += 1
    return hits


def main(n: int) -> None:
    """Prints hits and estimate."""
    hits = darts(n, 12345)
    print(f"{hits} of {n}: pi is about {4 * hits / n!r}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3_500_000)
