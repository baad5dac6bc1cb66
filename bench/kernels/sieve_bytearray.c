/* examples/sieve_bytearray.py */
#include "kernel.h"

static int n = 6000000;
static int count, twins;

static void work(void) {
    unsigned char *prime = malloc(n + 1);
    memset(prime, 1, n + 1);
    prime[0] = prime[1] = 0;
    for (int64_t i = 2; i * i <= n; i++)
        if (prime[i])
            for (int64_t multiple = i * i; multiple <= n; multiple += i)
                prime[multiple] = 0;
    count = twins = 0;
    for (int i = 0; i <= n; i++)
        count += prime[i];
    for (int i = 0; i < n + 1 - 2; i++)
        twins += prime[i] && prime[i + 2];
    free(prime);
}

static void answer(void) {
    printf("up to %d: %d primes, %d twins\n", n, count, twins);
}
