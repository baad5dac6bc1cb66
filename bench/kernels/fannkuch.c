/* pyperformance's fannkuch of 9. */
#include "kernel.h"

enum { N = 9 };
static int most;

static void work(void) {
    int count[N], first[N], now[N], r = N;
    most = 0;
    for (int i = 0; i < N; i++) {
        count[i] = i + 1;
        first[i] = i;
    }
    for (;;) {
        for (; r != 1; r--)
            count[r - 1] = r;
        if (first[0] != 0 && first[N - 1] != N - 1) {
            memcpy(now, first, sizeof now);
            int flips = 0;
            for (int k = now[0]; k; k = now[0], flips++)
                for (int low = 0, high = k; low < high; low++, high--) {
                    int other = now[low];
                    now[low] = now[high];
                    now[high] = other;
                }
            if (flips > most)
                most = flips;
        }
        for (;; r++) {
            if (r == N)
                return;
            int moved = first[0];
            memmove(first, first + 1, r * sizeof *first);
            first[r] = moved;
            if (--count[r] > 0)
                break;
        }
    }
}

static void answer(void) {
    printf("%d\n", most);
}
