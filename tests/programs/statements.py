"""What traces do not handle yet must at least run as it always did, between and inside of hot loops."""

import asyncio
import collections
import functools
import itertools

from common import show


def comprehensions(n):
    total = 0
    for i in range(n):
        total += sum([j * j for j in range(i % 5)])
        total += len({j for j in (i, i, 1)}) + len({j: i for j in range(3)})
    return total, [k * 2 for k in range(n) if k % 500 == 0]


def generator(n):
    a, b = 0, 1
    for _ in range(n):
        yield a
        a, b = b, (a + b) % 1_000_003


def consume(n):
    total = 0
    for value in generator(n):
        total += value
    return total


def send(n):
    def accumulate():
        total = 0
        while True:
            value = yield total
            total += value

    running = accumulate()
    next(running)
    for i in range(n):
        last = running.send(i)
    running.close()
    return last


def generator_with_loops(n):
    def blocks():
        for i in range(n):
            total = 0
            for j in range(700):
                total += j ^ i
            yield total

    return list(blocks())


def delegating(n):
    def outer():
        result = yield from inner()
        yield result

    def inner():
        total = 0
        for i in range(n):
            total += i
            if i % 500 == 0:
                yield total
        return total * 2

    return list(outer())


def coroutines(n):
    async def work(k):
        total = 0
        for i in range(k):
            total += i
            if i % 500 == 0:
                await asyncio.sleep(0)
        return total

    async def main():
        return await asyncio.gather(*[work(n + k) for k in range(3)])

    return asyncio.run(main())


def async_iteration(n):
    async def numbers():
        for i in range(n):
            yield i

    async def main():
        total = 0
        async for i in numbers():
            total += i
        return total + len([j async for j in numbers()])

    return asyncio.run(main())


def formatted(n):
    length = 0
    for i in range(n):
        length += len(f"{i:5d} {i * 0.5!r} {i=}") + len("%d" % i) + len(f"{i}")
    return length


def functions_made(n):
    total = 0
    for i in range(n):

        def local(x, i=i):
            return x + i

        total += local(1) + (lambda: i)()
    return total


def classes_made(n):
    total = 0
    for i in range(n // 100):

        class Local:
            value = i

            def get(self):
                return self.value

        for _ in range(30):
            total += Local().get()
    return total


def starred(n):
    total = 0
    for i in range(n):
        first, *rest = (i, 2, 3)
        values = [*rest, first]
        table = {**{"a": 1}, "b": i}
        total += sum(values) + table["b"] + max(*values)
    return total


def deletes(n):
    values = list(range(n))
    table = {}
    for i in range(n):
        table[i] = i
        if i > 10:
            del table[i - 10]
        del values[-1]
    return len(values), len(table)


def imports(n):
    total = 0.0
    for _ in range(n):
        import math
        from math import sqrt

        total += math.pi + sqrt(4.0)
    return total


def augmented(n):
    values = [1]
    alias = values
    table = {"k": 1}
    word = ""
    for i in range(n):
        values += [i] if i % 700 == 0 else []
        table["k"] += i
        word += "x" if i % 500 == 0 else ""
        values[0] += i
    return alias is values, values, table, word


def strings(n):
    parts = []
    for i in range(n):
        parts.append("abc"[i % 3].upper() + str(i % 10))
    word = "".join(parts)
    count = 0
    for letter in word:
        if letter == "A" or letter in "bB5":
            count += 1
    return len(word), count


def sorting(n):
    values = [(i * 7919) % 1009 for i in range(n)]
    total = 0
    for key, group in itertools.groupby(sorted(values, key=lambda v: -v), key=lambda v: v % 7):
        total += key * len(list(group))
    return total


def collections_used(n):
    queue = collections.deque()
    counter = collections.Counter()
    default = collections.defaultdict(int)
    for i in range(n):
        queue.append(i)
        if len(queue) > 10:
            queue.popleft()
        counter[i % 7] += 1
        default[i % 3] += i
    return sum(queue), sorted(counter.items()), sorted(default.items())


def cached(n):
    @functools.lru_cache(None)
    def fib(k):
        return k if k < 2 else fib(k - 1) + fib(k - 2)

    total = 0
    for i in range(n):
        total += fib(i % 80)
    return total


def partials(n):
    add = functools.partial(lambda a, b: a + b, 5)
    total = 0
    for i in range(n):
        total += add(i) + functools.reduce(lambda a, b: a * b, (1, 2, i))
    return total


def complexes(n):
    z = 0j
    for _ in range(n):
        z = z * z + (0.1 + 0.2j)
    return z


def text_constants(n):
    kind = None
    counts = {"low": 0, "high": 0}
    for i in range(n):
        kind = "low" if i < n // 2 else "high"
        if kind == "low" or kind is None:
            counts[kind] += 1
        else:
            counts["high"] += 2
    return counts


def global_statement(n):
    global made
    for i in range(n):
        made = i
    return made


def type_checks(n):
    count = 0
    for i in range(n):
        x = i if i % 2 else float(i)
        if isinstance(x, int):
            count += 1
        if type(x) is float:
            count += 10
    return count


def unpacking_swap_items(n):
    values = [1, 2, 3]
    for i in range(n):
        values[0], values[2] = values[2], values[0]
        values[i % 3], i = i, values[0]
    return values, i


class Loop:
    """A class body with a hot loop."""

    total = 0
    for k in range(2000):
        total += k
    table = [k * k for k in range(5)]


module_total = 0
for module_index in range(3000):
    module_total += module_index % 7
print("module level", module_total, Loop.total, Loop.table)
names = {}
exec("t = 0\nfor i in range(2500):\n    t += i\n", names)
print("exec", names["t"])
for function in (comprehensions, consume, send, delegating, coroutines, async_iteration, formatted, functions_made):
    show(function, 1500)
for function in (classes_made, starred, deletes, imports, augmented, strings, sorting, collections_used, cached):
    show(function, 1500)
for function in (partials, complexes, text_constants, global_statement, type_checks, unpacking_swap_items):
    show(function, 1500)
show(generator_with_loops, 12)
