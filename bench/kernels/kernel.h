/* What every kernel shares: rounds, the clock, and numbers as Python prints them.
 *
 * A kernel is the C that somebody would write for one of the programs that `cargo xtask bench` measures: the same algorithm on the same
 * data, with C's own types. It defines `work`, which does what one loop of the Python program does, and `answer`. An
 * example's answer is what the Python program prints, and is compared with it; others print a number that depends on
 * all of the work, so that a compiler cannot leave any of it out.
 *
 * Arguments: loops of a round, rounds before those that count, rounds that count, and `cpu` for processor time. The first line
 * has the seconds of one loop in each round, the answer follows. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void work(void);
static void answer(void);

/* A double as Python's `repr` writes it (of numbers that need no exponent). */
static inline const char *repr(double value) {
    static char texts[8][40];
    static int next;
    char *text = texts[next++ % 8];
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, 40, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    if (!strpbrk(text, ".en"))
        strcat(text, ".0");
    return text;
}

int main(int count, char **arguments) {
    if (count < 4) {
        fprintf(stderr, "usage: %s LOOPS WARM_UP ROUNDS [cpu]\n", arguments[0]);
        return 2;
    }
    long loops = atol(arguments[1]), warm_up = atol(arguments[2]), rounds = atol(arguments[3]);
    clockid_t clock = count > 4 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC;
    for (long round = 0; round < warm_up + rounds; round++) {
        struct timespec from, to;
        clock_gettime(clock, &from);
        for (long loop = 0; loop < loops; loop++) {
            work();
            /* The compiler may not assume that nothing has changed since the last loop. */
            __asm__ volatile("" ::: "memory");
        }
        clock_gettime(clock, &to);
        if (round >= warm_up)
            printf("%.9g ", ((to.tv_sec - from.tv_sec) + (to.tv_nsec - from.tv_nsec) * 1e-9) / loops);
    }
    printf("\n");
    answer();
    return 0;
}
