/* pyperformance's scimark_lu: 100 by 100. */
#include "scimark.h"

enum { N = 100 };
static double original[N][N], factors[N][N], *rows[N];
static int pivot[N];

static void work(void) {
    static int started;
    if (!started++) {
        Random random;
        seed(&random, 7);
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++)
                original[i][j] = next_double(&random);
    }
    memcpy(factors, original, sizeof factors);
    for (int i = 0; i < N; i++)
        rows[i] = factors[i];
    for (int j = 0; j < N; j++) {
        int best = j;
        for (int i = j + 1; i < N; i++)
            if (fabs(rows[i][j]) > fabs(rows[best][j]))
                best = i;
        pivot[j] = best;
        double *other = rows[j];
        rows[j] = rows[best];
        rows[best] = other;
        double reciprocal = 1.0 / rows[j][j];
        for (int k = j + 1; k < N; k++)
            rows[k][j] *= reciprocal;
        for (int i = j + 1; i < N; i++)
            for (int k = j + 1; k < N; k++)
                rows[i][k] -= rows[i][j] * rows[j][k];
    }
}

static void answer(void) {
    printf("%s %d\n", repr(rows[N - 1][N - 1]), pivot[0]);
}
