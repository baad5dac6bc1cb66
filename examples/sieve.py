"""The sieve of Eratosthenes on a list."""

from __future__ import annotations

import sys


def sieve(n: int) -> list[bool]:
    """For each number up to n: whether it is prime."""
    prime = [True] * (n + 1)
    prime[0] = prime[1] = False
    i = 2
    while i * i <= n:
        if prime[i]:
            for multiple in range(i * i, n + 1, i):
                prime[multiple] = False
        i += 1
    return prime


def main(n: int) -> None:
    """Prints how many primes there are up to n, the largest one, and the sum of all."""
    prime = sieve(n)
    count = largest = total = 0
    for number in range(n + 1):
        if prime[number]:
            count += 1
            largest = number
            total += number
    print(f"up to {n}: {count} primes, the largest is {largest}, their sum {total}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 9_000_000)
