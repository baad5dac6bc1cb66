"""Finds the number below n with the longest Collatz sequence."""

from __future__ import annotations

import sys


def length(n: int) -> int:
    """Steps from n down to 1."""
    steps = 0
    while n != 1:
        if n % 2 == 0:
            n //= 2
        else:
            n = 3 * n + 1
        steps += 1
    return steps


def longest(limit: int) -> tuple[int, int]:
    """The number below `limit` with the longest sequence, and its length."""
    best = best_length = 0
    for start in range(1, limit):
        steps = length(start)
        if steps > best_length:
            best, best_length = start, steps
    return best, best_length


def main(n: int) -> None:
    """Prints the longest sequence."""
    start, steps = longest(n)
    print(f"below {n}: {start} takes {steps} steps")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 160_000)
