"""The Mandelbrot set as a picture of n by n points, in floats."""

from __future__ import annotations

import sys

LIMIT = 100


def escape_time(cx: float, cy: float) -> int:
    """How many steps the point takes to escape; LIMIT where it does not."""
    x = y = 0.0
    for step in range(LIMIT):
        xx = x * x
        yy = y * y
        if xx + yy > 4.0:
            return step
        y = 2.0 * x * y + cy
        x = xx - yy + cx
    return LIMIT


def render(n: int) -> tuple[int, int]:
    """The number of points inside, and the sum of all steps."""
    inside = 0
    steps = 0
    for row in range(n):
        cy = 3.0 * row / n - 1.5
        for column in range(n):
            cx = 3.0 * column / n - 2.0
            time = escape_time(cx, cy)
            steps += time
            if time == LIMIT:
                inside += 1
    return inside, steps


def main(n: int) -> None:
    """Prints what `render` counts."""
    inside, steps = render(n)
    print(f"{n} x {n}: {inside} inside, {steps} steps")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 600)
