"""Generators: loops over them, what can be seen of them from outside, and how they end."""

from __future__ import annotations

import gc
import sys
import weakref
from typing import Any

from common import show, text

TURNS = 3000


def count(n):
    i = 0
    while i < n:
        yield i
        i += 1


def squares(n):
    for i in range(n):
        yield i * i


def items(sequence):
    for item in sequence:
        yield item


def pairs(n):
    for i in range(n):
        yield i, i + 1


def total(iterable):
    s = 0
    for x in iterable:
        s += x
    return s


def numbers():
    return (
        total(count(TURNS)),
        total(squares(TURNS)),
        total(items(list(range(TURNS)))),
        total(items([0.5] * TURNS)),
        total(items(tuple(range(TURNS)))),
    )


def unpacking():
    s = t = 0
    for a, b in pairs(TURNS):
        s += a
        t -= b
    return s, t


def made_before():
    g = count(TURNS)
    next(g)
    s = 0
    for x in g:
        s += x
    return s, next(g, "over"), g.gi_frame


def left_and_continued():
    g = squares(TURNS)
    found = []
    for limit in range(10_000, 2_000_000, 100_000):
        for x in g:
            if x > limit:
                found.append(x)
                break
    return found, next(g), g.gi_running


def two_names():
    g = count(TURNS)
    h = g
    s = 0
    for x in g:
        if x % 7 == 0:
            s += next(h, 0)
        s += x
    return s


def nested_over_one():
    g = count(TURNS)
    s = 0
    for x in g:
        for y in g:
            s += x * y
            if y % 5 == 0:
                break
    return s


def two_generators():
    s = 0
    for x in count(60):
        for y in count(x):
            s += x ^ y
    return s


def pipeline():
    def twice(source):
        for x in source:
            yield 2 * x

    def even(source):
        for x in source:
            if x & 3 == 0:
                yield x

    return total(even(twice(count(TURNS))))


def deep():
    def level(n, source):
        if n == 0:
            for x in source:
                yield x + 1
        else:
            for x in level(n - 1, source):
                yield x + 1

    return total(level(6, count(TURNS)))


def too_deep():
    def level(n, source):
        if n == 0:
            for x in source:
                yield x + 1
        else:
            for x in level(n - 1, source):
                yield x + 1

    return total(level(20, count(TURNS)))


def fibonacci():
    def numbers(n):
        a, b = 0, 1
        for _ in range(n):
            yield a
            a, b = b, (a + b) % 1_000_000_007

    return total(numbers(TURNS))


def growing():
    def numbers(n):
        a = 1
        for _ in range(n):
            yield a
            a *= 3

    return sum(1 for x in numbers(300) if x % 2), total(numbers(300))


def changing_types():
    def mixed(n):
        for i in range(n):
            if i < n // 2:
                yield i
            elif i % 3 == 0:
                yield i / 4
            else:
                yield str(i)

    s = 0
    names = 0
    for x in mixed(TURNS):
        if isinstance(x, str):
            names += 1
        else:
            s += x
    return s, names


def strings():
    def words(n):
        word = "a"
        for i in range(n):
            yield word
            if i % 100 == 0:
                word = word + "b"

    size = 0
    last = None
    for word in words(TURNS):
        size += len(word)
        last = word
    return size, last


def inner_loop():
    def primes(n):
        candidate = 2
        while candidate < n:
            divisor = 2
            while divisor * divisor <= candidate:
                if candidate % divisor == 0:
                    break
                divisor += 1
            else:
                yield candidate
            candidate += 1

    return total(primes(4000))


def several_yields():
    def threes(n):
        i = 0
        while i < n:
            yield i
            yield -1
            yield i + 2
            i += 1

    return total(threes(TURNS))


def sent():
    def accumulator():
        s = 0
        while True:
            x = yield s
            if x is None:
                x = 1
            s += x
            if s > 200_000:
                return

    g = accumulator()
    next(g)
    seen = 0
    for s in g:
        seen += s
        if s % 50 == 0 and s < 100_000:
            g.send(7)
    return seen


def thrown():
    def careful(n):
        caught = 0
        for i in range(n):
            try:
                yield i
            except KeyError as error:
                caught += error.args[0]
                yield caught

    g = careful(TURNS)
    s = 0
    for x in g:
        s += x
        if x % 100 == 50:
            s += g.throw(KeyError(x))
    return s


def raising():
    def fails(n):
        for i in range(n):
            yield 10 // (n - 2 - i)

    s = 0
    for x in fails(TURNS):
        s += x
    return s


def raising_caught():
    def fails(n):
        for i in range(n):
            yield 10 // (n - 2 - i)

    s = 0
    try:
        for x in fails(TURNS):
            s += x
    except ZeroDivisionError as error:
        return s, str(error), error.__traceback__.tb_next.tb_frame.f_code.co_name
    return "not raised"


def handled_inside():
    def careful(n):
        for i in range(n):
            try:
                x = 100 // (i % 7)
            except ZeroDivisionError:
                x = -1
            finally:
                i += 1
            yield x + i

    return total(careful(TURNS))


def stop_iteration_inside():
    def bad(n):
        for i in range(n):
            if i == n - 1:
                raise StopIteration(5)
            yield i

    return total(bad(TURNS))


def consumer_raises():
    s = 0
    g = count(TURNS)
    try:
        for x in g:
            s += x
            s // (TURNS - 5 - x)
    except ZeroDivisionError:
        return s, next(g), dict(g.gi_frame.f_locals)
    return "not raised"


def finally_runs():
    log = []

    def guarded(n):
        try:
            for i in range(n):
                yield i
        finally:
            log.append(("finally", i))

    s = 0
    for x in guarded(TURNS):
        s += x
    log.append(s)
    for x in guarded(TURNS):
        s += x
        if x == TURNS - 100:
            break
    log.append(s)
    g = guarded(TURNS)
    for x in g:
        s += x
        if x == TURNS - 100:
            g.close()
    log.append(s)
    return log


def returns():
    def counted(n):
        for i in range(n):
            yield i
        return n * 1000

    def outer(n):
        result = yield from counted(n)
        yield result

    return total(outer(TURNS)), total(counted(TURNS))


def delegating():
    def inner(n):
        i = 0
        while i < n:
            yield i
            i += 1

    def outer(n):
        yield from inner(n)
        yield from [1, 2, 3]
        yield from inner(n)

    return total(outer(TURNS))


def seen_from_outside():
    g = count(TURNS)
    s = 0
    seen = []
    for x in g:
        s += x
        if x % 500 == 499:
            frame = g.gi_frame
            seen.append((g.gi_running, dict(frame.f_locals), frame.f_lineno - frame.f_code.co_firstlineno))
            seen.append((g.gi_suspended, g.gi_yieldfrom, frame.f_back))
            del frame
    seen.append((s, g.gi_running, g.gi_suspended, g.gi_frame))
    return seen


def seen_from_inside():
    def looks(n):
        i = 0
        while i < n:
            if i % 500 == 499:
                frame = sys._getframe()
                back = frame.f_back
                yield frame.f_lineno - frame.f_code.co_firstlineno
                yield len(frame.f_locals), frame.f_locals["i"], back.f_code.co_name, back.f_locals["s"]
                del frame, back
            yield 0
            i += 1

    s = 0
    seen = []
    for x in looks(TURNS):
        if x:
            seen.append(x)
        s += 1
    return seen, s


def changed_from_outside():
    g = count(TURNS)
    s = 0
    for x in g:
        s += x
        if x == 1000:
            g.gi_frame.f_locals["i"] = 1500
        if x == 2000:
            g.gi_frame.f_locals["n"] = 2500
    return s, x


STEP = 1


def redefined_between():
    global STEP
    STEP = 1

    def stepping(n):
        i = 0
        while i < n:
            yield i
            i += STEP

    s = 0
    for x in stepping(TURNS):
        s += x
        if x == 1000:
            STEP = 3
    return s


def method_calls():
    class Source:
        def __init__(self, n):
            self.n = n
            self.given = 0

        def __iter__(self):
            for i in range(self.n):
                self.given += 1
                yield self.value(i)

        def value(self, i):
            return i * 2 + self.given

    source = Source(TURNS)
    s = 0
    for x in source:
        s += x
    return s, source.given


def attributes_between():
    class Box:
        pass

    def fills(box, n):
        for i in range(n):
            box.x = i
            yield box

    s = 0
    for b in fills(Box(), TURNS):
        s += b.x
        b.x = 0.5
    return s


def general_operations():
    seen = {}

    def keys(n):
        for i in range(n):
            seen[i % 10] = seen.get(i % 10, 0) + 1
            yield str(i % 10)

    s = 0
    for key in keys(TURNS):
        s += seen[int(key)]
    return s, seen


class Odd:
    def __init__(self, log):
        self.log = log

    def __del__(self):
        self.log.append("gone")


def dying_locals():
    log = []

    def holds(n):
        odd = Odd(log)
        for i in range(n):
            yield i
        log.append("end")

    s = 0
    for x in holds(TURNS):
        s += x
    log.append(s)
    for _ in range(50):
        for x in holds(20):
            s += x
        log.append(s)
    return len(log), log[:12], log[-1]


def weakly_known():
    log = []
    for _ in range(60):
        g = count(10)
        ref = weakref.ref(g, lambda _: log.append("g"))
        for x in g:
            pass
        assert ref() is g
        del g
        assert ref() is None
    return len(log)


def reference_counts():
    marker = object()
    data = [marker] * 10

    def gives(n):
        kept = marker
        for i in range(n):
            yield data[i % 10]
            kept = data[0]

    before = sys.getrefcount(marker), sys.getrefcount(data)
    s = 0
    for x in gives(TURNS):
        s += x is marker
    for x in gives(TURNS):
        if s > TURNS + 1000:
            break
        s += x is marker
    del x
    gc.collect()
    return s, sys.getrefcount(marker) - before[0], sys.getrefcount(data) - before[1]


def many_short():
    s = 0
    for i in range(TURNS):
        for x in count(i % 5):
            s += x
        for y in squares(3):
            s -= y
    return s


def empty():
    def none():
        return
        yield

    s = 0
    for i in range(TURNS):
        for _ in none():
            s += 1
        s += i
    return s


def a_generator_is_itself():
    g = count(TURNS)
    h = iter(g)
    s = 0
    for x in h:
        s += x
    return s, g is h


def already_running():
    def reads():
        n = 0
        while n < TURNS:
            if n == 2000:
                try:
                    next(g)
                except ValueError as error:
                    yield str(error)
            yield n
            n += 1

    g = reads()
    s = 0
    for x in g:
        if isinstance(x, str):
            print(x)
        else:
            s += x
    return s


def expressions():
    data = list(range(50))
    s = 0
    for i in range(200):
        s += sum(x * i for x in data)
        s += max(x ^ i for x in data)
        s -= min(-x for x in data if x & 1)
        s += any(x > 40 for x in data)
        s += all(x < 60 for x in data)
        s += len(list(x for x in data if x % 3))
        s += len(tuple(x for x in data))
        s += len(set(x % 7 for x in data))
        s += len(sorted(-x for x in data))
        s += len("".join(str(x) for x in data))
        s += len(dict((x, x) for x in data))
    return s


def looped_expression():
    data = list(range(TURNS))
    s = 0
    for x in (2 * y + 1 for y in data if y % 3):
        s += x
    return s


def closures():
    k = 3

    def scaled(n):
        for i in range(n):
            yield i * k

    s = 0
    for x in scaled(TURNS):
        s += x
        if x == 3000:
            k = 5
    return s


def in_a_generator():
    def outer(n):
        s = 0
        for x in count(n):
            s += x
        yield s
        for x in count(n):
            s += x
        yield s

    return list(outer(TURNS))


def loop_without_yield():
    def work(n):
        for k in range(3):
            s = 0
            for i in range(n):
                s += i * k
            yield s

    return list(work(TURNS))


def many_locals_of_a_frame() -> list[Any]:
    def wide(n):
        a, b, c, d = 1, 2.5, "x", [0]
        for i in range(n):
            a, b = a + i, b * 1.0001
            c = "y" if i % 2 else "z"
            d[0] += 1
            yield a
            yield b
            yield c
            yield d

    out = [0, 0.0, "", None]
    for x in wide(TURNS):
        if type(x) is int:
            out[0] = x
        elif type(x) is float:
            out[1] += x
        elif type(x) is str:
            out[2] = x
        else:
            out[3] = x[0]
    return out


PROGRAMS = [
    numbers,
    unpacking,
    made_before,
    left_and_continued,
    two_names,
    nested_over_one,
    two_generators,
    pipeline,
    deep,
    too_deep,
    fibonacci,
    growing,
    changing_types,
    strings,
    inner_loop,
    several_yields,
    sent,
    thrown,
    raising,
    raising_caught,
    handled_inside,
    stop_iteration_inside,
    consumer_raises,
    finally_runs,
    returns,
    delegating,
    seen_from_outside,
    seen_from_inside,
    changed_from_outside,
    redefined_between,
    method_calls,
    attributes_between,
    general_operations,
    dying_locals,
    weakly_known,
    reference_counts,
    many_short,
    empty,
    a_generator_is_itself,
    already_running,
    expressions,
    looped_expression,
    closures,
    in_a_generator,
    loop_without_yield,
    many_locals_of_a_frame,
]

for program in PROGRAMS:
    show(program)
print(text(gc.collect() >= 0))
