/* examples/collatz.py */
#include "kernel.h"

static int64_t limit = 160000;
static int64_t best, best_length;

static int64_t length(int64_t n) {
    int64_t steps = 0;
    while (n != 1) {
        n = n % 2 == 0 ? n / 2 : 3 * n + 1;
        steps++;
    }
    return steps;
}

static void work(void) {
    best = best_length = 0;
    for (int64_t start = 1; start < limit; start++) {
        int64_t steps = length(start);
        if (steps > best_length) {
            best = start;
            best_length = steps;
        }
    }
}

static void answer(void) {
    printf("below %ld: %ld takes %ld steps\n", (long)limit, (long)best, (long)best_length);
}
