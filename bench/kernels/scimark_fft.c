/* pyperformance's scimark_fft: 1024 complex numbers, there and back 50 times. */
#include "scimark.h"

enum { N = 1024, CYCLES = 50 };
static double original[2 * N], data[2 * N];

static void swap(double *a, double *b) {
    double other = *a;
    *a = *b;
    *b = other;
}

static void reverse_bits(void) {
    for (int i = 0, j = 0; i < N - 1; i++) {
        if (i < j) {
            swap(&data[2 * i], &data[2 * j]);
            swap(&data[2 * i + 1], &data[2 * j + 1]);
        }
        int k = N >> 1;
        for (; k <= j; k >>= 1)
            j -= k;
        j += k;
    }
}

static void transform(double direction) {
    reverse_bits();
    for (int dual = 1; dual < N; dual *= 2) {
        double real = 1.0, imaginary = 0.0, theta = 2.0 * direction * M_PI / (2.0 * dual);
        double s = sin(theta), t = sin(theta / 2.0), s2 = 2.0 * t * t;
        for (int a = 0; a < dual; a++) {
            if (a > 0) {
                double next = real - s * imaginary - s2 * real;
                imaginary = imaginary + s * real - s2 * imaginary;
                real = next;
            }
            for (int b = 0; b < N; b += 2 * dual) {
                int i = 2 * (b + a), j = 2 * (b + a + dual);
                double by_real = real * data[j] - imaginary * data[j + 1];
                double by_imaginary = real * data[j + 1] + imaginary * data[j];
                data[j] = data[i] - by_real;
                data[j + 1] = data[i + 1] - by_imaginary;
                data[i] += by_real;
                data[i + 1] += by_imaginary;
            }
        }
    }
}

static void work(void) {
    static int started;
    if (!started++) {
        Random random;
        seed(&random, 7);
        for (int i = 0; i < 2 * N; i++)
            original[i] = next_double(&random);
    }
    memcpy(data, original, sizeof data);
    for (int cycle = 0; cycle < CYCLES; cycle++) {
        transform(-1);
        transform(+1);
        for (int i = 0; i < 2 * N; i++)
            data[i] *= 1.0 / N;
    }
}

static void answer(void) {
    printf("%s\n", repr(data[0]));
}
