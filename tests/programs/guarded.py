"""Small loops of each kind, for the runs in which every guard fails in turn."""

from common import show


class Point:
    def __init__(self, x, y):
        self.x = x
        self.y = y

    def moved(self, by):
        self.x += by
        return self.x * self.y


def add(a, b):
    return a + b


def deep(x, y):
    z = add(x, y)
    return add(z, add(x, 1)) - z


def ints(n):
    a, b, c = 1, 2, 3
    for i in range(n):
        a = a + b * i
        b = (b ^ a) & 0xFFFF
        c = c + (a // 3) - b % 7 + (a >> 2)
        if a > 10**6:
            a -= 10**6
    return a, b, c, i


def floats(n):
    x, y = 0.5, -1.5
    k = 0
    while k < n:
        x = x * 1.01 + y / 3.0
        y = -y if x > 4.0 else y + 0.125
        k += 1
    return x, y, k


def mixed(n):
    total = 0
    flag = False
    for i in range(n):
        total += i * 0.5 if flag else i
        flag = not flag
    return total, flag


def nested(n):
    total = 0
    for i in range(n):
        for j in range(i % 7):
            total += i * j
            if total % 5 == 0:
                continue
            total -= 1
    return total


def lists(n):
    values = [0, 1.5, 2, 3]
    grid = [[0] * 4 for _ in range(3)]
    for i in range(n):
        j = i % 4
        values[j] = values[j - 1] + i
        grid[i % 3][j] = grid[i % 3][-j] + 1
    return values, grid


def tuples(n):
    a, b = (1, 2), (3.5, 4)
    total = 0
    for i in range(n):
        x, y = a
        a, b = b, (y, x + 1)
        total += x if i in (1, 5, 9) else y
    return a, b, total


def raw(n):
    data = bytearray(10)
    for i in range(n):
        data[i % 10] = (data[i % 10 - 1] + i) & 255
    return bytes(data)


def attributes(n):
    point = Point(1, 2.5)
    total = 0
    for i in range(n):
        total += point.moved(i % 3)
        point.y = point.y if i % 50 else i
    return total, point.x, point.y


def calls(n):
    total = 0
    for i in range(n):
        total = deep(total, i) % 1_000_003
    return total


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def closure(n):
    count = 0

    def bump(by):
        nonlocal count
        count += by
        return count

    for i in range(n):
        bump(i)
    return count


def caught(n):
    values = [1, 2, 0]
    total = missed = 0
    for i in range(n):
        try:
            total += 10 // values[i % 4]
        except (ZeroDivisionError, IndexError):
            missed += 1
    return total, missed


def builtin(n):
    total = 0
    for i in range(n):
        total += abs(i - 50) + min(i, 40) + max(i, 60) + len((i, i)) + int(i * 0.3) + round(i * 0.7)
    return total


def overflow(n):
    x = 2**61
    for i in range(n):
        x = x + x // 5 if x < 2**66 else x // 31
    return x


def objects(n):
    kept = None
    things = [Point(k, k) for k in range(3)]
    for i in range(n):
        last = kept
        kept = things[i % 3]
        if last is kept:
            return "never"
    return kept.x, last.x


def iteration(n):
    total = 0
    values, pair = [1, 2.5, 3], (4, 5)
    for i in range(n):
        for x in values:
            total += x
        for x in pair:
            total -= x * i
    return total


for function in (ints, floats, mixed, nested, lists, tuples, raw, attributes, calls, closure, caught, builtin):
    show(function, 150)
    show(function, 7)
for function in (overflow, objects, iteration):
    show(function, 150)
show(fib, 10)
# Enough turns for the usual thresholds, too.
show(ints, 3000)
