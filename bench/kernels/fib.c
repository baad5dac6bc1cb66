/* examples/fib.py. gcc unfolds several levels of the recursion. */
#include "kernel.h"

static int n = 33;
static int64_t numbers[6];

static int64_t fib(int n) {
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static void work(void) {
    for (int i = 0; i < 6; i++)
        numbers[i] = fib(n - 5 + i);
}

static void answer(void) {
    for (int i = 0; i < 6; i++)
        printf("fib(%d) = %ld\n", n - 5 + i, (long)numbers[i]);
}
