"""Small functions that are called from everywhere but a trace: they are entered by calls of the function object."""

from __future__ import annotations

import copy
import functools
import inspect
import pickle
import sys
import threading
import traceback
import warnings
import weakref
from typing import Any

from common import show


def often(function: Any, *rows: tuple[Any, ...], times: int = 3000) -> Any:
    """Calls the function as C code does, until it has a trace that has proved itself."""
    columns = list(zip(*(rows * (times // len(rows) + 1)), strict=True))
    result = None
    for result in map(function, *columns):
        pass
    return result


def numbers(a: Any, b: Any) -> Any:
    if a < b:
        c = a * 2 + b
    else:
        c = b * 3 - a
    if c & 1:
        c += 1
    d = c - a
    if d > 5:
        d = 5
    return c + d - b


def with_defaults(a: Any, b: Any = 3, c: Any = 4) -> Any:
    x = a + b
    if x > c:
        x -= c
    if x == 100:
        return a
    y = x * 2 + c
    if y & 1:
        y += a
    return y - b


def calls() -> list[Any]:
    """All kinds of calls, and what does not fit."""
    out = [often(numbers, (1, 2), (5, 4))]
    out += [numbers(3, 4), numbers(a=3, b=4), numbers(*(9, 2)), numbers(**{"a": 1, "b": 2})]
    for wrong in ((), (1,), (1, 2, 3)):
        try:
            numbers(*wrong)
        except TypeError as error:
            out.append(str(error))
    try:
        numbers(1, c=2)
    except TypeError as error:
        out.append(str(error))
    out.append(numbers(1.5, 2) if False else numbers(10**30, 2))
    try:
        numbers("a", 3)
    except TypeError as error:
        out.append((str(error), [line.name for line in traceback.extract_tb(error.__traceback__)]))
    out.append(often(with_defaults, (1, 2, 3)))
    out += [with_defaults(1), with_defaults(1, 2), with_defaults(1, c=9), with_defaults(b=1, a=2)]
    with_defaults.__defaults__ = (7, 8)
    out += [with_defaults(1), with_defaults(1, 2), often(with_defaults, (5, 6, 7)), with_defaults(2)]
    with_defaults.__defaults__ = (3, 4)
    return out


class Point:
    def __init__(self, x: Any) -> None:
        self.x = x
        self.y = 1

    def move(self, a: Any) -> Any:
        x = self.x + a
        if x > self.y:
            x -= self.y
        if x == 17:
            return self.y
        self.y = x & 7
        return x * 2 + 1

    @property
    def size(self) -> Any:
        a = self.x
        b = self.y
        if a > b:
            a, b = b, a
        return a * 100 + b * 3 - a + (b & 3)

    def __getitem__(self, index: Any) -> Any:
        a = self.x + index
        if a > 100:
            raise IndexError(index)
        b = a * 2
        if b & 2:
            b += 1
        return a + b

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Point):
            return NotImplemented
        a, b = self.x, other.x
        if a > b:
            return False
        return a + 1 > b

    def __hash__(self) -> int:
        a = self.x
        b = a * 31 + 7
        if b > 1000:
            b -= 1000
        return b & 255

    def __lt__(self, other: Point) -> bool:
        a, b = self.x, other.x
        if a == b:
            return False
        return a < b


class Derived(Point):
    def move(self, a: Any) -> Any:
        b = super().move(a)
        if b > 5:
            b -= 1
        return b + self.x


def methods() -> list[Any]:
    p, q = Point(3), Derived(4)
    out: list[Any] = []
    total = 0
    for i in range(3000):
        total += p.move(i) + q.move(i)
        total += p.size + p[i % 50]
    out.append(total)
    out.append(often(p.move, (1,), (2,)))
    out.append(often(Point.move, (p, 1), (q, 2)))
    points = [Point(i * 7919 % 997) for i in range(500)]
    for _ in range(5):
        out.append([point.x for point in sorted(points)[:5]])
        out.append([point.x for point in sorted(points, key=lambda point: -point.x)[:5]])
        out.append(len(set(points)))
        out.append(points.index(Point(500)))
    try:
        p[1000]
    except IndexError as error:
        out.append(repr(error))
    out.append(functools.reduce(numbers, range(2000)))
    return out


def looks(a: Any, names: list[str]) -> Any:
    b = a + 1
    if b > 1000:
        b -= 1000
    if b == 500:
        frame = sys._getframe()
        while frame is not None and len(names) < 4:
            names.append(frame.f_code.co_name)
            names.append(str(sorted(frame.f_locals)[:3]))
            frame = frame.f_back
        names.append(str([info.function for info in inspect.stack()[:3]]))
    return b * 2


def warned(a: Any) -> Any:
    b = a * 2
    if b == 5000:
        warnings.warn("five thousand", stacklevel=2)
    if b > 6000:
        b -= 1
    return b + a


def frames() -> list[Any]:
    names: list[str] = []
    out: list[Any] = []
    for i in range(0, 3000):
        looks(i % 400, names)
    often(lambda i: looks(i, names), (1,), (2,))
    out.append([looks(499, names), names])
    names = []
    out.append([list(map(looks, [499] * 3, [names] * 3)), names])
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        for i in range(3000):
            warned(i)
        list(map(warned, [2500]))
    out.append([(str(one.message), one.lineno - seen[0].lineno) for one in seen])
    return out


def raises(a: Any, b: Any) -> Any:
    c = a * 2
    if c > 100:
        c -= 100
    d = c // b
    if d == 12345:
        raise ValueError(d)
    return d + c


def errors() -> list[Any]:
    out: list[Any] = [often(raises, (10, 2), (60, 3))]
    for a, b in ((1, 0), ("x", 1), (12345 * 5 + 50, 10)):
        for how in (lambda: raises(a, b), lambda: list(map(raises, [a], [b]))):
            try:
                out.append(how())
            except Exception as error:
                lines = traceback.extract_tb(error.__traceback__)
                out.append((repr(error), [(line.name, line.line) for line in lines]))
    return out


def down(n: Any, step: Any) -> Any:
    if n <= 0:
        return 0
    a = n - step
    if a == 77777:
        return a
    return (yield_nothing(a, step) + 1) & 0xFFFF


def yield_nothing(n: Any, step: Any) -> Any:
    a = n
    if a > 10**9:
        a -= 1
    return down(a, step)


def through_c(n: Any, step: Any) -> Any:
    if n <= 0:
        return 0
    a = n - step
    if a == 77777:
        return a
    return max(map(through_c, (a,), (step,))) + 1


def recursions() -> list[Any]:
    out: list[Any] = []
    for _ in range(3):
        for depth in (5, 50, 200):
            out.append(sum(down(depth, 1) for _ in range(300)))
    out.append([through_c(20, 1) for _ in range(300)][-1])
    for function in (down, through_c):
        try:
            function(10**6, 1)
        except RecursionError as error:
            out.append(str(error).split(" in ")[0].split(" while ")[0])
    old = sys.getrecursionlimit()

    def deep() -> None:
        sys.setrecursionlimit(100000)
        try:
            out.append(down(20000, 1))
            out.append(down(24000, 1))
        finally:
            sys.setrecursionlimit(old)

    deep()
    thread = threading.Thread(target=deep)
    thread.start()
    thread.join()
    return out


def depth_reached(n: Any, seen: list[int]) -> Any:
    a = n + 1
    if a > 10**7:
        a = 0
    if seen:
        seen[0] = a
    return depth_reached(a, seen) if a < 10**6 and seen else a


def depths() -> list[Any]:
    for i in range(3000):
        depth_reached(i, [])
    out = []
    for limit in (200, 300, 1000):
        old = sys.getrecursionlimit()
        sys.setrecursionlimit(limit)
        seen = [0]
        try:
            depth_reached(0, seen)
        except RecursionError as error:
            out.append((seen[0], str(error), len(traceback.extract_tb(error.__traceback__))))
        finally:
            sys.setrecursionlimit(old)
    return out


def first(a: Any) -> Any:
    b = a + 1
    if b > 50:
        b -= 50
    c = b * 3
    if c & 1:
        c += 1
    return c - a


def second(a: Any) -> Any:
    b = a + 2
    if b > 50:
        b -= 50
    c = b * 5
    if c & 1:
        c += 1
    return c + a


def replaced() -> list[Any]:
    out = [often(first, (1,), (60,)), often(second, (1,), (60,))]
    code = first.__code__
    out.append(first(7))
    first.__code__ = second.__code__
    out += [first(7), list(map(first, [7, 8])), often(first, (1,), (60,))]
    first.__code__ = code
    out += [first(7), list(map(first, [7, 8])), often(first, (1,), (60,))]
    first.note = "x"  # type: ignore[attr-defined]
    out += [str(inspect.signature(first)), first.__name__, pickle.loads(pickle.dumps(first)) is first]
    out += [copy.copy(first) is first, copy.deepcopy({1: [first]})[1][0] is first, first.__dict__]
    return out


class Noisy:
    def __init__(self, log: list[Any], name: Any) -> None:
        self.log = log
        self.name = name

    def __del__(self) -> None:
        self.log.append((self.name, sys._getframe(1).f_code.co_name))


def holds(a: Any, b: Any) -> Any:
    c = b + 1
    if c > 100:
        c -= 100
    a = None
    d = c * 2
    if d & 1:
        d += 1
    return d


def keeps(a: Any, b: Any) -> Any:
    c = b + 1
    if c > 100:
        c -= 100
    d = c * 2
    if d & 1:
        d += 1
    return d + b


def references() -> list[Any]:
    out: list[Any] = []
    item = object()
    often(keeps, (item, 1), (item, 200))
    often(holds, (item, 1), (item, 200))
    for function in (keeps, holds):
        before = [sys.getrefcount(item), sys.getrefcount(function)]
        for _ in range(100):
            function(item, 3)
            list(map(function, [item], [3]))
        out.append([sys.getrefcount(item) - before[0], sys.getrefcount(function) - before[1]])
    log: list[Any] = []
    for function in (keeps, holds):
        for i in range(3):
            function(Noisy(log, i), i)
            list(map(function, [Noisy(log, i + 10)], [i]))
            list(map(function, (Noisy(log, i + 20) for _ in range(1)), [i]))
    out.append(log)
    return out


def dying() -> list[Any]:
    """Functions that go while they are called so."""
    out = []
    for turn in range(3):
        space: dict[str, Any] = {}
        source = (
            "def f(a):\n b = a + 1\n if b > 9:\n  b -= 9\n c = b * 2\n if c & 1:\n  c += b\n return c - a + "
            + str(turn)
        )
        exec(source, space)
        function = space.pop("f")
        gone = weakref.ref(function)
        out.append(often(function, (1,), (20,)))
        del function
        out.append(gone() is None)
    return out


def in_threads() -> list[Any]:
    often(numbers, (1, 2), (5, 4))
    results: list[Any] = []

    def work(k: int) -> None:
        results.append(sum(numbers(i, k) for i in range(5000)))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    direct = threading.Thread(target=numbers, args=(1, 2))
    direct.start()
    direct.join()
    return sorted(results)


class Callable:
    def __call__(self, a: Any) -> Any:
        b = a * 2
        if b > 7:
            b -= 7
        c = b + 1
        if c & 1:
            c *= 2
        return c + a


def make(n: Any) -> Any:
    def inner(a: Any) -> Any:
        b = a * n
        if b > 7:
            b -= 7
        c = b + 1
        if c & 1:
            c *= 2
        return c + a

    return inner


def gather(*args: Any, **named: Any) -> Any:
    a = len(args) + len(named)
    if a > 7:
        a -= 7
    return a * 2


def yields(a: Any) -> Any:
    b = a + 1
    if b > 7:
        b -= 7
    yield b
    yield b * 2


def others() -> list[Any]:
    out = [often(Callable(), (1,), (9,)), often(make(3), (1,), (9,)), often(gather, (1,), (2,))]
    out.append(sum(sum(yields(i)) for i in range(2000)))
    out.append(often(functools.partial(numbers, 3), (1,), (9,)))
    out.append(often(lambda a, b=2: a + b if a > b else a * b, (1,), (9,)))
    return out


show(calls)
show(methods)
show(frames)
show(errors)
show(recursions)
show(depths)
show(replaced)
show(references)
show(dying)
show(in_threads)
show(others)
