/* examples/int_sum.py. Python's integers cannot overflow; these do not. */
#include "kernel.h"

enum { PRIME = 1000003 };
static int64_t n = 9000000;
static int64_t sums[2];

static void work(void) {
    int64_t total = 0;
    for (int64_t i = 0; i < n; i++)
        total += i * i % PRIME;
    sums[0] = total;
    total = 0;
    for (int64_t i = 0; i < n; i++)
        total += i % 3 == 0 ? -i : i;
    sums[1] = total;
}

static void answer(void) {
    printf("while: %ld\nfor: %ld\n", (long)sums[0], (long)sums[1]);
}
