"""`with`: managers in Python, exceptions that are handed on or stopped, and what of it can be seen from outside."""

from __future__ import annotations

import contextlib
import functools
import sys
import traceback
from typing import Any

from common import show

TURNS = 150


class Depth:
    def __init__(self, swallows=False):
        self.depth, self.most, self.seen, self.swallows = 0, 0, [], swallows

    def __enter__(self):
        self.depth += 1
        self.most = max(self.most, self.depth)
        return self

    def __exit__(self, kind, error, trace):
        self.depth -= 1
        if kind is not None:
            self.seen.append((kind.__name__, str(error), [frame.name for frame in traceback.extract_tb(trace)]))
        return self.swallows


class Fails:
    def __init__(self, when):
        self.when, self.turn = when, 0

    def __enter__(self):
        self.turn += 1
        if self.when == "enter" and self.turn % 3 == 0:
            raise ValueError(f"enter {self.turn}")
        return self.turn

    def __exit__(self, *details):
        if self.when == "exit" and self.turn % 3 == 0:
            raise ValueError(f"exit {self.turn} {details[0]}")
        return self.when == "swallow"


class Where:
    found: list[Any] = []

    def __enter__(self):
        frame = sys._getframe(1)
        self.found.append((frame.f_code.co_name, frame.f_lineno, sorted(frame.f_locals)))

    def __exit__(self, *details):
        frame = sys._getframe(1)
        self.found.append((frame.f_lineno, frame.f_locals.get("turn")))


class Ends:
    ended: list[Any] = []

    def __init__(self, name):
        self.name = name

    def __enter__(self):
        return self.name

    def __exit__(self, *details):
        self.name = -self.name

    def __del__(self):
        self.ended.append(self.name)


def depths():
    outer, inner, total = Depth(), Depth(), 0
    for turn in range(TURNS):
        with outer as one:
            total += one.depth
            with outer, inner as two:
                total += one.depth * two.depth
    return total, outer.depth, outer.most, inner.depth, inner.most


def ways_out():
    manager, found = Depth(), []

    def out(turn):
        for step in range(5):
            with manager:
                if step == turn % 5:
                    continue
                if step == turn % 7:
                    break
                if step == turn % 11:
                    return step, manager.depth
        return "end", manager.depth

    for turn in range(TURNS):
        found.append(out(turn))
    return found[-12:], manager.depth


def errors():
    swallows, passes, found = Depth(True), Depth(), []
    for turn in range(TURNS):
        with swallows:
            found.append(1 // (turn % 4))
        try:
            with passes:
                found.append([1, 2][turn % 3])
        except IndexError as error:
            found.append((str(error), [frame.name for frame in traceback.extract_tb(error.__traceback__)]))
    return found[-8:], swallows.seen[-1], passes.seen[-1], swallows.depth, passes.depth


def failures():
    found = []
    for when in ("enter", "exit", "swallow"):
        manager = Fails(when)
        for turn in range(TURNS):
            try:
                with manager as value:
                    if turn % 5 == 0:
                        raise KeyError(turn)
                    found.append(value)
            except (ValueError, KeyError) as error:
                context = repr(error.__context__)
                found.append((repr(error), context, len(traceback.extract_tb(error.__traceback__))))
    return found[-12:], found[TURNS : TURNS + 12], found[:12]


def where():
    Where.found.clear()
    manager = Where()
    for turn in range(TURNS):
        with manager:
            pass
        with Where():
            turn += 1
    return Where.found[-4:], len(Where.found)


def made_for_it():
    Ends.ended.clear()
    total = 0
    for turn in range(1, TURNS):
        with Ends(turn) as value:
            total += value
        manager = Ends(turn)
        with manager:
            # The block has the only reference left.
            manager = None
            total += len(Ends.ended)
    return total, Ends.ended[-5:], len(Ends.ended), manager


def changed():
    """`__exit__` is looked up before the block."""

    class Changes:
        log: list[Any] = []

        def __enter__(self):
            return self

        def __exit__(self, *details):
            self.log.append("first")

    def second(self, *details):
        self.log.append("second")

    first, manager = Changes.__exit__, Changes()
    for turn in range(TURNS):
        with manager:
            Changes.__exit__ = second if turn % 50 == 20 else Changes.__exit__
        if turn % 50 == 40:
            Changes.__exit__ = first
    return Changes.log[15:25], Changes.log[35:45], len(Changes.log), Changes.log.count("second")


def library():
    log: list[Any] = []

    @contextlib.contextmanager
    def logged(name):
        log.append(name)
        try:
            yield len(log)
        except ZeroDivisionError:
            log.append("error")
        finally:
            log.append("end")

    total = 0
    for turn in range(TURNS):
        with logged(turn) as count:
            total += count
            total += 10 // (turn % 5)
        with contextlib.suppress(KeyError, IndexError):
            total += [1, 2, 3][turn % 4]
        with contextlib.ExitStack() as stack:
            stack.enter_context(logged("a"))
            stack.callback(log.append, "callback")
        with contextlib.nullcontext(turn) as value:
            total += value
    return total, log[-9:], len(log)


class Counter:
    def __init__(self):
        self.count = 0

    def add(self, amount=1, *, times=1):
        self.count += amount * times
        return self.count

    def each(self, limit):
        yield from range(limit + self.count % 2)


def methods():
    """Bound methods that are kept before they are called."""
    counter, other, found = Counter(), Counter(), []
    for turn in range(TURNS):
        add = counter.add
        add()
        add(turn)
        add(amount=2, times=3)
        chosen = counter.add if turn % 3 else other.add
        found.append(chosen(times=2))
        again = counter.add
        found.append((add == again, add is again, add.__self__ is counter, chosen == add, add.__name__))
        counter, kept = Counter(), counter
        found.append((add(), kept.count, counter.count))
        counter = kept
        found.append(list(map(add, (1, 2))))
        calls = [add, again, other.add]
        found.extend(call(5) for call in calls)
        each = counter.each
        found.append(sum(each(3)))
        arguments, named = (turn,), {"times": 2}
        found.append(add(*arguments) + add(*arguments, **named))
    return found[-9:], counter.count, other.count, len(found)


class Lazy:
    """A descriptor that the instance's own attribute hides."""

    def __init__(self, function):
        self.function = function

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        value = self.function(instance)
        if value % 3 == 0:
            instance.__dict__[self.name] = value
        return value


class Checked:
    """A data descriptor."""

    def __set_name__(self, owner, name):
        self.name = "_" + name

    def __get__(self, instance, owner):
        if instance is None:
            return owner.__name__
        return getattr(instance, self.name, None)

    def __set__(self, instance, value):
        if value == 77:
            raise ValueError("77")
        setattr(instance, self.name, value)


class Described:
    size = Checked()

    def __init__(self, number):
        self.number = number

    @Lazy
    def twice(self):
        return self.number * 2

    @functools.cached_property
    def cached(self):
        return [self.number]


class Falls(Described):
    """What raises AttributeError in a descriptor is asked for in `__getattr__`."""

    twice = 5

    @Lazy
    def fails(self):
        raise AttributeError("fails")

    @property
    def fails_too(self):
        return self.missing_as_well

    def __getattr__(self, name):
        return f"no {name}"


def descriptors():
    found = []
    for turn in range(TURNS):
        one, other = Described(turn), Falls(turn)
        one.size = -turn
        found.append((one.twice, one.twice, one.cached is one.cached, one.size, Described.size))
        found.append((other.twice, other.size, other.number, other.fails, other.fails_too, other.nothing))
        if turn % 10 == 5:
            other.fails = turn
            found.append((other.fails, "fails" in other.__dict__))
        try:
            one.size = 77 if turn % 5 == 0 else 1
        except ValueError as error:
            found.append((str(error), [frame.name for frame in traceback.extract_tb(error.__traceback__)]))
    return found[-9:], len(found)


class Recorded:
    """A class whose own attributes are found as ever, and others by `__getattr__`."""

    shared = "shared"

    def __init__(self):
        self.own = 1

    def __getattr__(self, name):
        if name == "other":
            raise AttributeError(name)
        return len(name)

    def method(self):
        return self.own + self.more


class Own(Recorded):
    def __getattribute__(self, name):
        return "own" if name == "own" else super().__getattribute__(name)


def hooks():
    found, recorded, own = [], Recorded(), Own()
    for turn in range(TURNS):
        recorded.own = turn
        found.append((recorded.own, recorded.shared, recorded.method(), recorded.missing, own.own, own.shared))
        found.append((hasattr(recorded, "other"), getattr(recorded, "other", turn), isinstance(recorded, Own)))
        if turn == 60:
            recorded.missing = "there"
        if turn == 90:
            del recorded.missing
        if turn == 110:
            Recorded.shared = 5
        if turn == 130:
            del Recorded.shared
    return found[110:126], found[180:184], found[218:224], found[-4:]


for function in (
    depths,
    ways_out,
    errors,
    failures,
    where,
    made_for_it,
    changed,
    library,
    methods,
    descriptors,
    hooks,
):
    show(function)
