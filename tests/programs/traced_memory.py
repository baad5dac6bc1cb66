"""While tracemalloc looks at each allocation nothing is observed: it would see the numbers of the events."""

import tracemalloc


def memory(x):
    x = (x ^ 0) + 1
    x = (x ^ 1) + 1
    x = (x ^ 2) + 1
    x = (x ^ 3) + 1
    x = (x ^ 4) + 1
    x = (x ^ 5) + 1
    x = (x ^ 6) + 1
    x = (x ^ 7) + 1
    x = (x ^ 8) + 1
    x = (x ^ 9) + 1
    x = (x ^ 10) + 1
    x = (x ^ 11) + 1
    x = (x ^ 12) + 1
    x = (x ^ 13) + 1
    x = (x ^ 14) + 1
    x = (x ^ 15) + 1
    x = (x ^ 16) + 1
    x = (x ^ 17) + 1
    x = (x ^ 18) + 1
    x = (x ^ 19) + 1
    x = (x ^ 20) + 1
    x = (x ^ 21) + 1
    x = (x ^ 22) + 1
    x = (x ^ 23) + 1
    x = (x ^ 24) + 1
    x = (x ^ 25) + 1
    x = (x ^ 26) + 1
    x = (x ^ 27) + 1
    x = (x ^ 28) + 1
    x = (x ^ 29) + 1
    x = (x ^ 30) + 1
    x = (x ^ 31) + 1
    x = (x ^ 32) + 1
    x = (x ^ 33) + 1
    x = (x ^ 34) + 1
    x = (x ^ 35) + 1
    x = (x ^ 36) + 1
    x = (x ^ 37) + 1
    x = (x ^ 38) + 1
    x = (x ^ 39) + 1
    tracemalloc.clear_traces()
    return tracemalloc.get_traced_memory(), x


def main():
    return [memory(1) for _ in range(5)]


tracemalloc.start()
for _ in range(3):
    print(main())
tracemalloc.stop()
print(main())
