/* pyperformance's scimark_sparse_mat_mult: 1000 rows with 50 numbers each. */
#include "kernel.h"

enum { N = 1000, EACH = 50 };
static double x[N], y[N], value[N * EACH];
static int column[N * EACH], row[N + 1];

static void work(void) {
    if (row[N] == 0)
        for (int r = 0; r < N; r++) {
            int step = r / EACH < 1 ? 1 : r / EACH;
            row[r + 1] = row[r] + EACH;
            for (int i = 0; i < EACH; i++)
                column[row[r] + i] = i * step;
        }
    for (int r = 0; r < N; r++) {
        double sum = 0;
        for (int i = row[r]; i < row[r + 1]; i++)
            sum += x[column[i]] * value[i];
        y[r] = sum;
    }
}

static void answer(void) {
    printf("%s\n", repr(y[N - 1]));
}
