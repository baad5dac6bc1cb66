/* pyperformance's spectral_norm. */
#include "kernel.h"

enum { N = 130 };
static double norm;

static double element(int i, int j) {
    return 1.0 / ((i + j) * (i + j + 1) / 2 + i + 1);
}

static void times(const double *u, double *result) {
    for (int i = 0; i < N; i++) {
        double sum = 0;
        for (int j = 0; j < N; j++)
            sum += element(i, j) * u[j];
        result[i] = sum;
    }
}

static void times_transposed(const double *u, double *result) {
    for (int i = 0; i < N; i++) {
        double sum = 0;
        for (int j = 0; j < N; j++)
            sum += element(j, i) * u[j];
        result[i] = sum;
    }
}

static void both(const double *u, double *result) {
    double between[N];
    times(u, between);
    times_transposed(between, result);
}

static void work(void) {
    double u[N], v[N], vbv = 0, vv = 0;
    for (int i = 0; i < N; i++)
        u[i] = 1;
    for (int i = 0; i < 10; i++) {
        both(u, v);
        both(v, u);
    }
    for (int i = 0; i < N; i++) {
        vbv += u[i] * v[i];
        vv += v[i] * v[i];
    }
    norm = sqrt(vbv / vv);
}

static void answer(void) {
    printf("%s\n", repr(norm));
}
