"""Three tiny functions, called in loops with every kind of number; the results must be exact for all of them."""

from __future__ import annotations

import sys
from typing import Any

MODULUS = 1_000_000_007


def add(a: Any, b: Any) -> Any:
    """The first of the three."""
    return a + b


def difference_of_squares(a: Any, b: Any) -> Any:
    """The second of the three."""
    return a * a - b * b


def negate(a: Any) -> Any:
    """The third of the three."""
    return -a


def ints(n: int, start: int, step: int) -> int:
    """A checksum over ints from `start` on; exact however large they are."""
    check = 0
    a = start
    for i in range(n):
        a += step
        check = (check * 31 + add(a, i)) % MODULUS
        check = (check * 31 + difference_of_squares(a, i)) % MODULUS
        check = (check * 31 + negate(a)) % MODULUS
    return check


def floats(n: int, start: float, step: float) -> float:
    """A sum over floats from `start` on, damped so that it stays small."""
    check = 0.0
    a = start
    for i in range(n):
        a += step
        check = (check + add(a, 0.5) + negate(i * 0.25)) * 0.5
        check = (check + difference_of_squares(a, 1.5)) * 0.5
    return check


def bools(n: int) -> int:
    """Bools are ints as soon as one calculates with them."""
    check = 0
    flag = False
    for i in range(n):
        flag = i % 3 == 0
        other = i % 2 == 0
        check = (check * 31 + add(flag, other)) % MODULUS
        check = (check * 31 + difference_of_squares(flag, other) + negate(flag)) % MODULUS
    return check


def main(n: int) -> None:
    """Prints a checksum for each kind of number."""
    for start, step in ((0, 1), (-(2**29), 3), (2**30 - 500, 1), (2**31, -7), (2**61, 12345), (2**62 - 1000, 1)):
        print(f"ints from {start} in steps of {step}: {ints(n, start, step)}")
    for start, step in ((2**63 - 1000, 1), (-(2**64), 2**40), (10**30, 10**20 + 1), (-(10**50), 7)):
        print(f"huge ints from {start} in steps of {step}: {ints(n // 4, start, step)}")
    for first, by in ((0.0, 0.1), (-1e9, 3.25), (1e300, 1e295), (5e-324, 0.0), (float("inf"), -1.0)):
        print(f"floats from {first!r} in steps of {by!r}: {floats(n, first, by)!r}")
    print(f"bools: {bools(n)}")
    print(add("text, ", "too"), add([1], [2]), add(1, 2.5), negate(True), difference_of_squares(3 + 1j, 2))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
