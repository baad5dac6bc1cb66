/* examples/mandelbrot.py */
#include "kernel.h"

enum { LIMIT = 100 };
static int n = 600;
static int64_t inside, steps;

static int escape_time(double cx, double cy) {
    double x = 0.0, y = 0.0;
    for (int step = 0; step < LIMIT; step++) {
        double xx = x * x, yy = y * y;
        if (xx + yy > 4.0)
            return step;
        y = 2.0 * x * y + cy;
        x = xx - yy + cx;
    }
    return LIMIT;
}

static void work(void) {
    inside = steps = 0;
    for (int row = 0; row < n; row++) {
        double cy = 3.0 * row / n - 1.5;
        for (int column = 0; column < n; column++) {
            int time = escape_time(3.0 * column / n - 2.0, cy);
            steps += time;
            inside += time == LIMIT;
        }
    }
}

static void answer(void) {
    printf("%d x %d: %ld inside, %ld steps\n", n, n, (long)inside, (long)steps);
}
