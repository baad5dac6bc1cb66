"""Ints of every size: overflow to big ones and back, operators at the edges."""

from common import show

EDGES = [0, 1, 2**29, 2**30, 2**31, 2**53, 2**60, 2**61, 2**62, 2**63, 2**64, 2**100]


def grows(n, step):
    x = 0
    for _ in range(n):
        x += step
    return x


def grows_and_shrinks(start, n):
    x = start
    seen = 0
    for i in range(n):
        if i < n // 2:
            x += 1
        else:
            x -= 1
        seen ^= x
    return x, seen


def powers(n):
    x = 1
    total = 0
    for i in range(n):
        x *= 3
        total += x
        if x > 2**200:
            x = 1
    return x, total


def factorials(n):
    total = 0
    for i in range(n):
        f = 1
        for j in range(1, i % 30):
            f *= j
        total += f
    return total


def fibonacci(n):
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a


def collatz(limit):
    longest = 0
    for start in range(1, limit):
        n = start
        steps = 0
        while n != 1:
            n = 3 * n + 1 if n & 1 else n >> 1
            steps += 1
        if steps > longest:
            longest = steps
    return longest


def hash64(n):
    h = 14695981039346656037
    for i in range(n):
        h ^= i & 255
        h = h * 1099511628211 & 0xFFFFFFFFFFFFFFFF
    return h


def hash32(n):
    h = 2166136261
    for i in range(n):
        h = ((h ^ (i & 255)) * 16777619) & 0xFFFFFFFF
    return h


def xorshift(n):
    x = 88172645463325252
    for _ in range(n):
        x ^= (x << 13) & 0xFFFFFFFFFFFFFFFF
        x ^= x >> 7
        x ^= (x << 17) & 0xFFFFFFFFFFFFFFFF
    return x


def lcg(n):
    x = 1
    for _ in range(n):
        x = (x * 6364136223846793005 + 1442695040888963407) % 2**64
    return x


def division(n, d):
    q = r = 0
    for i in range(-n, n):
        q += i // d
        r += i % d
    return q, r


def division_of(a, n):
    total = 0
    for i in range(1, n):
        total += a // i + a % i - a // -i - a % -i
    return total


def true_division(a, n):
    total = 0.0
    for i in range(1, n):
        total += a / i
    return total


def shifts(n):
    total = 0
    for i in range(n):
        total += (1 << i % 70) + (-1 << i % 65) + (i << 3) + (-i >> 2) + (i >> i % 40) + (-i >> 100)
    return total


def bits(n, a):
    total = 0
    for i in range(n):
        total += (a & i) - (a | -i) + (a ^ i) + ~i + (~a & 255)
    return total


def power(n):
    total = 0
    for i in range(n):
        total += i**2 - i**0 + (i % 5) ** (i % 40) + (-3) ** (i % 45)
    return total


def negative_power(n):
    total = 0.0
    for i in range(1, n):
        total += i**-1 + (-i) ** -2
    return total


def negation(n):
    total = 0
    for i in range(n):
        total += -i - +i + (-(-i)) * 2
    x = -(2**62)
    for _ in range(n):
        x = -x
    return total, x


def small_int_identity(n):
    same = 0
    for i in range(n):
        a = i % 300 - 20
        b = (i + 600) % 300 - 20
        if a is b:
            same += 1
    return same


def gcd(n):
    total = 0
    for i in range(1, n):
        a, b = 1_000_000 + i, 7 * i
        while b:
            a, b = b, a % b
        total += a
    return total


def isqrt(n):
    total = 0
    for i in range(n):
        x = i * i * 12345 + 7
        r = x
        y = (r + 1) // 2
        while y < r:
            r = y
            y = (r + x // r) // 2
        total += r
    return total


def modular_power(n):
    total = 0
    for i in range(n):
        base, exponent, result = i, 65537, 1
        while exponent:
            if exponent & 1:
                result = result * base % 1_000_000_007
            base = base * base % 1_000_000_007
            exponent >>= 1
        total += result
    return total


def digits(n):
    total = 0
    for i in range(n):
        x = i * i * i
        while x:
            x, d = x // 10, x % 10
            total += d
    return total


def comparisons(a, n):
    less = equal = more = 0
    x = a - n // 2
    for _ in range(n):
        if x < a:
            less += 1
        elif x == a:
            equal += 1
        else:
            more += 1
        x += 1
    return less, equal, more


def zero_division(n, how):
    total = 0
    for i in range(n, -1, -1):
        if how == 0:
            total += 10 // i
        elif how == 1:
            total += 10 % i
        else:
            total += 10 / i
    return total


def negative_shift(n, how):
    total = 0
    for i in range(n, -2, -1):
        if how:
            total += 1 << (i % 3 if i > 2 else i)
        else:
            total += 1000 >> i
    return total


def truth(n):
    zeros = 0
    for i in range(-n, n):
        if not i:
            zeros += 1
        if not i << 70:
            zeros += 1
        if i - i:
            zeros += 1000
    return zeros


def constants(n):
    total = 0
    for _ in range(n):
        total += 0x7FFFFFFF
        total += 0x7FFFFFFFFFFFFFFF
        total -= 0x8000000000000000
        total ^= -0x80000000
    return total


for edge in EDGES:
    for sign in (1, -1):
        value = sign * edge
        note = f"({value})"
        show(grows_and_shrinks, value - 600, 2400, note=note)
        show(division_of, value, 700, note=note)
        show(true_division, value, 700, note=note)
        show(bits, 700, value, note=note)
        show(comparisons, value, 1500, note=note)
        show(grows, 700, value, note=note)
for divisor in (1, -1, 2, -2, 3, -7, 16, 10, 255, 2**31, -(2**31), 2**62, 2**70, -(2**70)):
    show(division, 700, divisor, note=f" by {divisor}")
show(powers, 3000)
show(factorials, 400)
show(fibonacci, 1500)
show(collatz, 300)
show(hash64, 2000)
show(hash32, 2000)
show(xorshift, 2000)
show(lcg, 2000)
show(shifts, 2000)
show(power, 1500)
show(negative_power, 1500)
show(negation, 2001)
show(small_int_identity, 3000)
show(gcd, 900)
show(isqrt, 200)
show(modular_power, 150)
show(digits, 700)
for how in range(3):
    show(zero_division, 1500, how)
for how in range(2):
    show(negative_shift, 1500, how)
show(truth, 1000)
show(constants, 2000)
