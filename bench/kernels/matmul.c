/* examples/matmul.py: rows of their own, as a list of lists has them, but doubles in them and not addresses of doubles. */
#include "kernel.h"

static int n = 260;
static double **product;

static double **matrix(void) {
    double **rows = malloc(n * sizeof *rows);
    for (int i = 0; i < n; i++)
        rows[i] = calloc(n, sizeof **rows);
    return rows;
}

static double **make(int seed) {
    double **rows = matrix();
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            rows[i][j] = (seed + 37 * i + 101 * j) % 201 / 100.0 - 1.0;
    return rows;
}

static void work(void) {
    double **a = make(1), **b = make(2);
    product = matrix();
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            double total = 0.0;
            for (int k = 0; k < n; k++)
                total += a[i][k] * b[k][j];
            product[i][j] = total;
        }
}

static void answer(void) {
    double trace = 0.0;
    for (int i = 0; i < n; i++)
        trace += product[i][i];
    printf("%d x %d: %s %s %s, trace %s\n", n, n, repr(product[0][0]), repr(product[n / 2][n / 3]),
           repr(product[n - 1][n - 1]), repr(trace));
}
