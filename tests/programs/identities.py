"""`id`: of objects that traces make late, of numbers, and with an audit hook that looks at the caller."""

from __future__ import annotations

import sys

from common import show

TURNS = 300
HEARD = []


class Pair:
    def __init__(self, first, second):
        self.first, self.second = first, second


def stays():
    """An object has one identity, also where a trace has not made it yet."""
    other = 0
    for turn in range(TURNS):
        pair, items, number, text = Pair(turn, 2), (turn, [turn]), turn * 1000.5, f"{turn} turns"
        method = pair.__init__
        first = [id(pair), id(items), id(number), id(text), id(method), id(items[1])]
        pair.first += 1
        other += first != [id(pair), id(items), id(number), id(text), id(method), id(items[1])]
        other += first[0] == id(items) or id(turn) != id(turn)
    return other


def copied(value, memo):
    """As `copy.deepcopy` does it."""
    key = id(value)
    known = memo.get(key)
    if known is not None:
        return known
    if type(value) is not list:
        return value
    made = []
    memo[key] = made
    for item in value:
        made.append(copied(item, memo))
    return made


def graphs():
    """What is in a list twice is in its copy twice."""
    shared = [1, "two"]
    endless = [shared, [shared, 3.5], 4]
    endless.append(endless)
    found = []
    for _ in range(TURNS):
        copy = copied(endless, {})
        found.append((copy[0] is copy[1][0], copy[0] is shared, copy[3] is copy, copy[1][1:], len(copy)))
    return set(map(repr, found)), found[-1]


def heard():
    """From here on somebody hears of it, and sees the caller's locals."""

    def hook(event, arguments):
        if event == "builtins.id":
            caller = sys._getframe(1)
            HEARD.append(
                (caller.f_code.co_name, caller.f_lineno - caller.f_code.co_firstlineno, caller.f_locals.get("turn"))
            )

    sys.addaudithook(hook)
    return stays(), len(HEARD), HEARD[:9], HEARD[-3:]


for function in (stays, graphs, heard):
    show(function)
