/* examples/sieve.py, in an array of addresses, which is what a list is. */
#include "kernel.h"

static int n = 9000000;
static const char yes, no;
static int count, largest;
static int64_t total;

static void work(void) {
    const char **prime = malloc((n + 1) * sizeof *prime);
    for (int i = 0; i <= n; i++)
        prime[i] = &yes;
    prime[0] = prime[1] = &no;
    for (int64_t i = 2; i * i <= n; i++)
        if (prime[i] == &yes)
            for (int64_t multiple = i * i; multiple <= n; multiple += i)
                prime[multiple] = &no;
    count = largest = 0;
    total = 0;
    for (int number = 0; number <= n; number++)
        if (prime[number] == &yes) {
            count++;
            largest = number;
            total += number;
        }
    free(prime);
}

static void answer(void) {
    printf("up to %d: %d primes, the largest is %d, their sum %ld\n", n, count, largest, (long)total);
}
