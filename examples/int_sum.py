"""Sums squares modulo a prime, with a `while` loop and with a `for` loop."""

from __future__ import annotations

import sys

PRIME = 1_000_003


def with_while(n: int) -> int:
    """The sum of i * i % PRIME for i below n."""
    total = 0
    i = 0
    while i < n:
        total += i * i % PRIME
        i += 1
    return total


def with_for(n: int) -> int:
    """The same, and every third number is taken away instead."""
    total = 0
    for i in range(n):
        if i % 3 == 0:
            total -= i
        else:
            total += i
    return total


def main(n: int) -> None:
    """Prints both sums."""
    print(f"while: {with_while(n)}")
    print(f"for: {with_for(n)}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 9_000_000)
