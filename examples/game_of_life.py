"""Conway's Game of Life on a torus, as lists of lists."""

from __future__ import annotations

import sys

SIZE = 64
World = list[list[int]]


def start(size: int) -> World:
    """A world with a glider, an R-pentomino and some noise."""
    world = [[0] * size for _ in range(size)]
    for row, column in ((1, 2), (2, 3), (3, 1), (3, 2), (3, 3)):
        world[row][column] = 1
    middle = size // 2
    for row, column in ((0, 1), (0, 2), (1, 0), (1, 1), (2, 1)):
        world[middle + row][middle + column] = 1
    state = 1
    for i in range(size):
        state = state * 75 % 65_537
        world[state % size][i] = 1
    return world


def step(world: World, new: World, size: int) -> None:
    """Puts the generation after `world` into `new`."""
    for i in range(size):
        above = world[i - 1]
        here = world[i]
        below = world[i + 1 if i + 1 < size else 0]
        out = new[i]
        for j in range(size):
            left = j - 1
            right = j + 1 if j + 1 < size else 0
            neighbours = above[left] + above[j] + above[right]
            neighbours += here[left] + here[right]
            neighbours += below[left] + below[j] + below[right]
            if neighbours == 3 or (neighbours == 2 and here[j]):
                out[j] = 1
            else:
                out[j] = 0


def checksum(world: World) -> tuple[int, int]:
    """The number of living cells, and a number that depends on where they are."""
    alive = 0
    mixed = 0
    for row in world:
        for cell in row:
            alive += cell
            mixed = (mixed * 31 + cell) % 1_000_000_007
    return alive, mixed


def main(n: int) -> None:
    """Prints the state after n generations, and on the way there."""
    world, new = start(SIZE), start(SIZE)
    for generation in range(n + 1):
        if generation % max(1, n // 5) == 0:
            alive, mixed = checksum(world)
            print(f"generation {generation}: {alive} alive, {mixed}")
        step(world, new, SIZE)
        world, new = new, world


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_500)
