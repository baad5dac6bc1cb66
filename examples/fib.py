"""Fibonacci numbers by recursion: nothing but calls."""

from __future__ import annotations

import sys


def fib(n: int) -> int:
    """The nth Fibonacci number."""
    if n < 2:
        return n
    return fib(n - 1) + fib(n - 2)


def main(n: int) -> None:
    """Prints the numbers from n - 5 to n."""
    for i in range(max(0, n - 5), n + 1):
        print(f"fib({i}) = {fib(i)}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 33)
