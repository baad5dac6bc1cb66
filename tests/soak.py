"""Soak: compile, invalidate, redefine, start and end threads, switch decal on and off under load, fork; and again.

At the end memory is as flat, and reference counts are exactly what they were, when it was warm.

    cargo xtask soak --seconds 600

A round makes functions and classes anew, runs them until they are compiled, changes what their traces take for granted,
and drops them; some large ones, and hundreds of small ones. Results are compared with what CPython gave before decal
was enabled for the first time.
"""

from __future__ import annotations

import argparse
import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from types import FunctionType
from typing import Any

import decal

SOURCE = """
class Point:
    scale = SCALE

    def __init__(self, x, y):
        self.x = x
        self.y = y

    def sum(self, k):
        return self.x * k + self.y * self.scale


def step(a, b):
    return a * 3 + b


def numbers(n):
    for i in range(n):
        yield step(i, 1)


def fails(i):
    if i % 5 == 4:
        raise KeyError(i)
    return i


def loop(n, shared):
    total = 0
    point = Point(1, 2)
    items = [1, 2.5, 3]
    names = {"a": 1, "b": 2}
    for i in range(n):
        total += step(i, 2) + LIMIT
        point.x = i
        total += point.sum(2)
        try:
            total += fails(i)
        except KeyError as error:
            total -= error.args[0]
        for x in numbers(3):
            total += x
        names["a"] = names["b"] + i
        items[i % 3] = (i, shared)
        total += len(f"{i}{total}")
    return total, sorted(names), point.y


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def run(shared):
    global LIMIT, step
    results = [loop(30, shared), fib(9)]
    LIMIT = LIMIT + 1
    results.append(loop(12, shared)[0])
    Point.scale = 5
    results.append(loop(12, shared)[0])
    Point.sum = lambda self, k: k
    results.append(loop(12, shared)[0])
    before = step
    step = lambda a, b: a - b
    results.append(loop(12, shared)[0])
    step = before
    step.__code__ = (lambda a, b: a + b + 7).__code__
    results.append(loop(12, shared)[0])
    return results
"""


def tiny(n: int) -> int:
    """A loop that takes a global for granted."""
    total = 0
    for i in range(n):
        total += i * K + total  # type: ignore[name-defined]  # noqa: F821
    return total


class Shared:
    """What all rounds refer to: nothing of that may be left."""


SHARED = Shared()
COUNTED: list[Any] = [SHARED, "a long text that is nobody else's", (1, 2, 3), 2.75, 10**40, ["list"], len]


def fresh(number: int) -> dict[str, Any]:
    """Functions and classes nobody has run yet."""
    names: dict[str, Any] = {"LIMIT": 3, "SCALE": 2, "__name__": "fresh"}
    exec(compile(SOURCE.replace("SCALE", str(number % 7)), f"fresh_{number % 7}.py", "exec"), names)
    return names


def one(number: int) -> list[Any]:
    """One round's work."""
    result: list[Any] = fresh(number)["run"](SHARED)
    return result


def small() -> list[int]:
    """Many small traces: each is made, becomes invalid, and is made again. Their functions end with their code."""
    results = []
    for k in range(100):
        names: dict[str, Any] = {"K": k}
        function = FunctionType(tiny.__code__.replace(), names)
        results.append(function(12))
        for _ in range(3):
            names["K"] += 1
            results.append(function(12))
    return results


def threads(work: Callable[[int], Any], count: int) -> list[Any]:
    """Threads that start, work and end."""
    results: list[Any] = [None] * count

    def run(index: int) -> None:
        results[index] = work(index)

    running = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return results


def switching() -> list[Any]:
    """decal is switched off and on while threads are in traces."""
    done = threading.Event()

    def switch() -> None:
        while not done.is_set():
            decal.disable()
            decal.enable()
            time.sleep(0.0005)

    thread = threading.Thread(target=switch)
    thread.start()
    try:
        return threads(one, 3)
    finally:
        done.set()
        thread.join()


def forked(number: int) -> int:
    """A child that goes on with what its parent has compiled; its exit status."""
    names = fresh(number)
    first = names["run"](SHARED)
    child = os.fork()
    if child == 0:
        os._exit(0 if names["fib"](11) == 89 and one(number) == first else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def resident() -> int:
    """Bytes of memory that the process has."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def counts() -> list[int]:
    """Reference counts of what all rounds refer to."""
    return [sys.getrefcount(thing) for thing in COUNTED]


class Soak:
    """The rounds, and what was seen of them."""

    def __init__(self, words: argparse.Namespace) -> None:
        self.words = words
        self.expected = [one(number) for number in range(7)]
        self.small = small()
        self.rounds = self.traces = self.invalidated = self.forks = self.switches = 0
        self.wrong: list[str] = []

    def check(self, what: str, got: Any, expected: Any) -> None:
        """Notes a difference."""
        if got != expected:
            self.wrong.append(f"round {self.rounds}: {what}: {got}, not {expected}")

    def round(self) -> None:
        """One round."""
        number = self.rounds
        self.check("result", one(number), self.expected[number % 7])
        for _ in range(5):
            self.check("small", small(), self.small)
        if number % 4 == 1:
            self.check("threads", threads(one, 3), self.expected[:3])
        if number % 8 == 3:
            self.check("switching", switching(), self.expected[:3])
            self.switches += 1
        if number % 16 == 5:
            self.check("fork", forked(number), 0)
            self.forks += 1
        if number % 64 == 6:
            words = [sys.executable, "-c", "print(6 * 7)"]
            self.check("fork and exec", subprocess.run(words, capture_output=True, check=False).stdout, b"42\n")
        if number % 8 == 7:
            stats = decal.stats()
            self.traces += stats.get("traces", 0)
            self.invalidated += stats.get("invalidated", 0)
            decal.disable()
            decal.enable()
        self.rounds += 1

    def state(self) -> tuple[list[int], int, int]:
        """What must be as before: reference counts, blocks, memory. decal is off meanwhile."""
        decal.disable()
        gc.collect()
        seen = counts(), sys.getallocatedblocks(), resident()
        decal.enable()
        return seen

    def run(self) -> int:
        """All of it."""
        decal.enable()
        end = time.monotonic() + self.words.seconds
        warm: tuple[list[int], int, int] | None = None
        said = 0.0
        while time.monotonic() < end or self.rounds < 2 * self.words.warm:
            self.round()
            if self.rounds == self.words.warm:
                warm = self.state()
            if time.monotonic() - said > 10 and warm is not None:
                said = time.monotonic()
                self.say(warm)
            if self.wrong:
                break
        assert warm is not None or self.wrong
        if warm is not None:
            # Allocated blocks: what CPython keeps for another time comes and goes.
            now = self.say(warm)
            self.check("reference counts", now[0], warm[0])
            if now[1] - warm[1] > 1000:
                self.wrong.append(f"{now[1] - warm[1]} blocks more")
            if now[2] - warm[2] > 12 << 20:
                self.wrong.append(f"{(now[2] - warm[2]) >> 10} KiB more")
        for line in self.wrong:
            print(line)
        return 1 if self.wrong else 0

    def say(self, warm: tuple[list[int], int, int]) -> tuple[list[int], int, int]:
        """A line."""
        now = self.state()
        print(
            f"{self.rounds} rounds, {self.traces} traces, {self.invalidated} invalid, {self.switches} switched "
            f"under load, {self.forks} forks; blocks {now[1] - warm[1]:+}, memory {(now[2] - warm[2]) >> 10:+} KiB",
            flush=True,
        )
        return now


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="cargo xtask soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--warm", type=int, default=64, help="rounds before memory is looked at for the first time")
    words = parser.parse_args()
    os.environ.setdefault("DECAL_STRESS", "hot")
    return Soak(words).run()


if __name__ == "__main__":
    sys.exit(main())
