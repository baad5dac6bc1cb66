/* The random numbers of pyperformance's scimark. */
#include "kernel.h"

typedef struct { int64_t state[17]; int i, j; } Random;

static inline void seed(Random *random, int64_t seed) {
    const int64_t m2 = 65536;
    int64_t jseed = seed % 2 == 0 ? seed - 1 : seed;
    double k0 = 9069 % m2, k1 = 9069 / (double)m2, j0 = jseed % m2, j1 = jseed / (double)m2;
    for (int loop = 0; loop < 17; loop++) {
        double product = j0 * k0;
        j1 = fmod(product / m2 + j0 * k1 + j1 * k0, m2 / 2);
        j0 = fmod(product, m2);
        random->state[loop] = (int64_t)(j0 + m2 * j1);
    }
    random->i = 4;
    random->j = 16;
}

static inline double next_double(Random *random) {
    int64_t k = random->state[random->i] - random->state[random->j];
    if (k < 0)
        k += 2147483647;
    random->state[random->j] = k;
    random->i = random->i == 0 ? 16 : random->i - 1;
    random->j = random->j == 0 ? 16 : random->j - 1;
    return k * (1.0 / 2147483647);
}
