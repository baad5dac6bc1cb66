"""What the tests of tools run: loops with calls, operators, exceptions, generators, on lines that a tool looks at."""

import sys


class Vector:
    def __init__(self, x, y):
        self.x = x
        self.y = y

    def __add__(self, other):
        return Vector(self.x + other.x, self.y + other.y)

    def __eq__(self, other):
        if not isinstance(other, Vector):
            return NotImplemented
        return self.x == other.x

    @property
    def length(self):
        return (self.x * self.x + self.y * self.y) ** 0.5

    def never(self):
        return None


def helper(i, scale=2):
    if i % 1000 == 999:
        return -1
    return i * scale


def middle(i):
    a = helper(i)
    b = helper(i, 3)
    return a + b


def numbers(n):
    for i in range(n):
        yield i
        if i > n:
            yield -1


def fails(i):
    if i % 100 == 50:
        raise ValueError(i)
    return i


def arithmetic(n):
    total = 0
    for i in range(n):
        if i % 3 == 0:
            total += middle(i)
        elif i % 3 == 1:
            total -= helper(i)
        else:
            total += 1
        if total < -(10**12):
            total = 0
    return total


def objects(n):
    v = Vector(0, 0)
    one = Vector(1, 2)
    same = 0
    for i in range(n):
        v = v + one
        if v == one:
            same += 1
        if i % 100 == 0 and v.length < 0:
            same = -1
    return v.x, v.y, same


def generators(n):
    total = 0
    for x in numbers(n):
        total += x
    total += sum(x * 2 for x in numbers(n))
    return total


def exceptions(n):
    total = caught = 0
    for i in range(n):
        try:
            total += fails(i)
        except ValueError as error:
            caught += error.args[0]
        finally:
            total += 1
    return total, caught


def comprehensions(n):
    total = 0
    for i in range(n // 10):
        total += sum([helper(j) for j in range(i % 5)])
        total += len({j: j for j in range(i % 3)})
    return total


def work(n):
    return [arithmetic(n), objects(n), generators(n), exceptions(n), comprehensions(n)]


def main():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    print(work(n))


if __name__ == "__main__":
    main()
