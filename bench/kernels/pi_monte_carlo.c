/* examples/pi_monte_carlo.py */
#include "kernel.h"

static int n = 3500000;
static int hits;

static void work(void) {
    uint32_t state = 12345;
    hits = 0;
    for (int i = 0; i < n; i++) {
        state = 1664525 * state + 1013904223;
        double x = state / 4294967296.0;
        state = 1664525 * state + 1013904223;
        double y = state / 4294967296.0;
        hits += x * x + y * y <= 1.0;
    }
}

static void answer(void) {
    printf("%d of %d: pi is about %s\n", hits, n, repr(4.0 * hits / n));
}
