/* pyperformance's scimark_monte_carlo. */
#include "scimark.h"

enum { SAMPLES = 100000 };
static double estimate;

static void work(void) {
    Random random;
    seed(&random, 113);
    int under = 0;
    for (int i = 0; i < SAMPLES; i++) {
        double x = next_double(&random), y = next_double(&random);
        under += x * x + y * y <= 1.0;
    }
    estimate = (double)under / SAMPLES * 4.0;
}

static void answer(void) {
    printf("%s\n", repr(estimate));
}
