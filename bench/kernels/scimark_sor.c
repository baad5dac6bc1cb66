/* pyperformance's scimark_sor: 100 by 100, ten times. */
#include "kernel.h"

enum { N = 100, CYCLES = 10 };
static double grid[N][N];

static void work(void) {
    const double omega = 1.25;
    memset(grid, 0, sizeof grid);
    for (int cycle = 0; cycle < CYCLES; cycle++)
        for (int y = 1; y < N - 1; y++)
            for (int x = 1; x < N - 1; x++)
                grid[y][x] = omega * 0.25 * (grid[y - 1][x] + grid[y + 1][x] + grid[y][x - 1] + grid[y][x + 1])
                             + (1.0 - omega) * grid[y][x];
}

static void answer(void) {
    printf("%s\n", repr(grid[N / 2][N / 2]));
}
