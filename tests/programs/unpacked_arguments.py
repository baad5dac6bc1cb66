"""Functions that hand on what they are called with (decorators, `super().__init__(*args)`), as seen from outside."""

from __future__ import annotations

import functools
import sys
import traceback
from typing import Any

from common import show

TURNS = 150


def handed_on(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


def counted(function):
    calls: dict[str, int] = {}

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        calls[function.__name__] = calls.get(function.__name__, 0) + len(args) + 10 * len(kwargs)
        return function(*args, **kwargs)

    wrapper.calls = calls
    return wrapper


@handed_on
def add(a, b=1):
    return a + b


@counted
@handed_on
def scaled(value, *, by=2, plus=0.5):
    return value * by + plus


@handed_on
def everything(*args, **kwargs):
    return args, kwargs


@handed_on
def items(count, start=0):
    for index in range(count):
        yield start + index


def given(**kwargs):
    return kwargs


def preset(function, **preset):
    def wrapper(*args, **kwargs):
        return function(*args, by=3, **kwargs)

    def other(*args, **kwargs):
        return function(*args, **preset, **kwargs)

    return wrapper, other


class Base:
    def __init__(self, name, size=1, **rest):
        self.name, self.size, self.rest = name, size, rest

    @handed_on
    def grown(self, by):
        return self.size + by


class Derived(Base):
    def __init__(self, *args, colour=None, **kwargs):
        super().__init__(*args, **kwargs)
        self.colour = colour

    @classmethod
    @handed_on
    def made(cls, *args, **kwargs):
        return cls(*args, **kwargs)


class Ends:
    ended: list[Any] = []

    def __init__(self, name):
        self.name = name

    def __del__(self):
        self.ended.append(self.name)


def sums():
    total = 0
    for turn in range(TURNS):
        total += add(turn) + add(turn, 2) + add(turn, b=3) + add(a=turn, b=4) + add(b=turn, a=0.5)
    return total


def chains():
    total = 0
    for turn in range(TURNS):
        total += scaled(turn) + scaled(turn, by=3) + scaled(turn, plus=turn, by=turn)
        if turn % 50 == 49:
            total += scaled(value=turn)
    return total, scaled.calls


def kept():
    found = []
    for turn in range(TURNS):
        found.append(everything(turn, [turn], a=turn, b="b"))
        found.append(given(x=turn))
        found.append(given())
        found.append(everything(*(), **{}))
    return found[-8:], found[-3] is found[-7]


def looked_at():
    """What is asked of the tuple and of the dict."""

    def asks(*args, **kwargs):
        first = kwargs.get("a", -1)
        if kwargs and "b" in kwargs:
            first += kwargs.pop("b")
        kwargs["c"] = first
        return add(*args[:1], b=kwargs["c"]), len(kwargs), sorted(kwargs), list(kwargs.values()), args is args

    found = []
    for turn in range(TURNS):
        found.append(asks(turn, 1, a=turn, b=2))
        found.append(asks(turn))
        found.append(asks(turn, b=turn))
    return found[-6:]


def the_same_dict():
    def both(**kwargs):
        other = kwargs
        pair = (kwargs, other)
        other["more"] = len(kwargs)
        return pair[0] is kwargs, kwargs, other is kwargs, kwargs == {"x": 1, "more": 1}

    found = []
    for _ in range(TURNS):
        found.append(both(x=1))
    return found[-2:]


def instances():
    total, found = 0, []
    for turn in range(TURNS):
        one = Derived("d", turn, colour="red", weight=turn)
        two = Derived.made("m", size=2)
        total += one.size + two.size + one.grown(2) + two.grown(by=turn)
        found.append((one.rest, two.rest, one.colour, two.name))
    return total, found[-3:]


def generators():
    total = 0
    for turn in range(TURNS):
        for value in items(3, start=turn):
            total += value
        total += sum(items(2))
    return total


def presets():
    three, more = preset(scaled, plus=1)
    total = 0
    for turn in range(TURNS):
        total += three(turn) + three(turn, plus=2) + more(turn) + more(turn, by=turn)
    try:
        three(1, by=2)
    except TypeError as error:
        return total, str(error)
    return total


def wrong():
    """Errors of calls, with all that their tracebacks say."""
    found = []
    for turn in range(TURNS):
        for arguments, named in (((), {}), ((1, 2, 3), {}), ((1,), {"a": 2}), ((1,), {"z": turn}), (("a", 1), {})):
            try:
                add(*arguments, **named)
            except TypeError as error:
                names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
                found.append((str(error), names))
        try:
            add(*5)
        except TypeError as error:
            found.append(str(error))
        try:
            add(**{1: 2})
        except TypeError as error:
            found.append(str(error))
    return found[-7:], len(found)


def seen():
    """What frames show."""

    def inner(number, **kwargs):
        frame = sys._getframe(1)
        return number, sorted(frame.f_locals), frame.f_locals["kwargs"], frame.f_locals["args"], kwargs

    outer, found = handed_on(inner), []
    for turn in range(TURNS):
        found.append(outer(turn, x=turn))
        found.append(outer(turn))
    return found[-2:]


def shared():
    """A dict that is changed by whom it is handed to is another one."""
    found = []

    def changes(**kwargs):
        kwargs["x"] = "changed"
        return kwargs

    def keeps(**kwargs):
        changed = changes(**kwargs)
        return kwargs, changed, changed is kwargs

    for turn in range(TURNS):
        found.append(keeps(x=turn, y=None))
    return found[-2:]


def others():
    """Arguments out of what is no tuple, and of dicts that exist."""
    names, pair, numbers = {"b": 2}, (1, 2), [3, 4]
    total = 0
    for turn in range(TURNS):
        total += add(*pair) + add(*numbers) + add(turn, **names) + add(*range(2)) + add(*(turn,), **{"b": turn})
        total += len(everything(*pair, *numbers, **names, c=turn)[0])
        if turn == 100:
            names = {}
        if turn == 120:
            pair = (turn,)
    return total


def ends():
    Ends.ended.clear()

    def forget(*args, **kwargs):
        return len(args) + len(kwargs)

    total = 0
    for turn in range(TURNS):
        total += handed(forget, Ends(turn), x=Ends(-turn))
    return total, Ends.ended[-6:], len(Ends.ended)


def handed(function, *args, **kwargs):
    return function(*args, **kwargs)


class Counts:
    def __init__(self, *things, **named):
        self.found = [sys.getrefcount(thing) for thing in things], [sys.getrefcount(thing) for thing in named.values()]

    def method(self, thing, other=None):
        return sys.getrefcount(self), sys.getrefcount(thing), sys.getrefcount(other)

    def __enter__(self):
        return sys.getrefcount(self)

    def __exit__(self, *details):
        self.found = sys.getrefcount(self)


def references():
    """Whoever calls holds what it calls with, for as long as it calls."""
    counts, method, found = Counts(), handed_on(Counts.method), []
    bound = counts.method
    for turn in range(TURNS):
        one, two = [turn], (turn, [turn])
        found.append((bound(one), bound(*two), counts.method(*two), counts.method(one, other=one)))
        found.append((method(counts, one), method(counts, *two), method(counts, one, other=one)))
        found.append((functools.partial(bound, one)(), functools.partial(Counts.method, counts)(one, two)))
        found.append((Counts(one, *two, two=two).found, Counts(*two).found, Counts(**{"one": one}).found))
        with counts as entered:
            found.append(entered)
        found.append((counts.found, sys.getrefcount(one), sys.getrefcount(two), sys.getrefcount(counts)))
    return found[-6:]


class Told(Ends):
    def takes(self, one, two):
        local = Ends("local")
        return len(local.name) + len(one.name)

    def both(self, *args):
        return self.takes(*args)


def order_of_ends():
    Ends.ended.clear()
    told = Told("told")
    takes = told.takes
    total = 0
    for _ in range(TURNS):
        total += takes(Ends("a"), Ends("b"))
        total += takes(*(Ends("c"), Ends("d")))
        total += told.both(Ends("e"), Ends("f"))
        total += functools.partial(takes)(Ends("g"), Ends("h"))
        total += functools.partial(Told.takes, told)(Ends("i"), two=Ends("j"))
        total += handed_on(takes)(Ends("k"), two=Ends("l"))
    return total, Ends.ended[-18:], len(Ends.ended)


def changing():
    """What is called, and with what, changes from turn to turn."""
    functions = [add, scaled, given, lambda *args, **kwargs: (args, kwargs)]
    found = []
    for turn in range(TURNS):
        function = functions[turn % 4]
        named = {"a": turn} if turn % 4 >= 2 else {}
        found.append(handed(function, *(() if turn % 4 == 2 else (turn,)), **named))
    return found[-8:]


def recursive():
    @handed_on
    def fib(n, *, memo=None):
        return n if n < 2 else fib(n - 1, memo=memo) + fib(n - 2)

    return [fib(n) for n in range(14)]


for function in (
    sums,
    chains,
    kept,
    looked_at,
    the_same_dict,
    instances,
    generators,
    presets,
    wrong,
    seen,
    shared,
    others,
    ends,
    references,
    order_of_ends,
    changing,
    recursive,
):
    show(function)
