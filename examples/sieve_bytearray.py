"""The sieve of Eratosthenes on a bytearray."""

from __future__ import annotations

import sys


def sieve(n: int) -> bytearray:
    """For each number up to n: 1 where it is prime, else 0."""
    prime = bytearray(b"\x01") * (n + 1)
    prime[0] = prime[1] = 0
    i = 2
    while i * i <= n:
        if prime[i]:
            for multiple in range(i * i, n + 1, i):
                prime[multiple] = 0
        i += 1
    return prime


def twins(prime: bytearray) -> int:
    """How many pairs of primes differ by two."""
    count = 0
    for i in range(len(prime) - 2):
        if prime[i] and prime[i + 2]:
            count += 1
    return count


def main(n: int) -> None:
    """Prints how many primes and how many twins there are up to n."""
    prime = sieve(n)
    count = 0
    for i in range(n + 1):
        count += prime[i]
    print(f"up to {n}: {count} primes, {twins(prime)} twins")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 6_000_000)
