"""Multiplies matrices of floats that are lists of lists."""

from __future__ import annotations

import sys

Matrix = list[list[float]]


def make(n: int, seed: int) -> Matrix:
    """An n by n matrix of numbers between -1 and 1."""
    matrix = []
    for i in range(n):
        row = []
        for j in range(n):
            row.append((seed + 37 * i + 101 * j) % 201 / 100.0 - 1.0)
        matrix.append(row)
    return matrix


def multiply(a: Matrix, b: Matrix, n: int) -> Matrix:
    """The product of two n by n matrices."""
    result = [[0.0] * n for _ in range(n)]
    for i in range(n):
        row = a[i]
        out = result[i]
        for j in range(n):
            total = 0.0
            for k in range(n):
                total += row[k] * b[k][j]
            out[j] = total
    return result


def trace(matrix: Matrix) -> float:
    """The sum of the diagonal."""
    total = 0.0
    for i in range(len(matrix)):
        total += matrix[i][i]
    return total


def main(n: int) -> None:
    """Prints some entries of a product, and its trace."""
    product = multiply(make(n, 1), make(n, 2), n)
    print(f"{n} x {n}: {product[0][0]!r} {product[n // 2][n // 3]!r} {product[-1][-1]!r}, trace {trace(product)!r}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 260)
