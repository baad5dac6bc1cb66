"""Subclasses of dict that leave lookups, stores and membership to it; and those that do not, or no longer."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from typing import Any

from common import show

WORDS = "the quick brown fox jumps over the lazy dog and the fox sleeps".split() * 12
TURNS = 150


class Plain(dict):
    pass


class Missing(dict):
    def __missing__(self, key):
        return f"no {key}"


class Logged(dict):
    log: list[Any] = []

    def __getitem__(self, key):
        self.log.append(key)
        return super().__getitem__(key)

    def __setitem__(self, key, value):
        self.log.append((key, value))
        super().__setitem__(key, value)

    def __contains__(self, key):
        self.log.append(("in", key))
        return super().__contains__(key)


class Key:
    """Its comparisons are seen."""

    asked: list[Any] = []

    def __init__(self, value):
        self.value = value

    def __hash__(self):
        return hash(self.value)

    def __eq__(self, other):
        self.asked.append(self.value)
        return isinstance(other, Key) and self.value == other.value


class Ends:
    ended: list[Any] = []

    def __init__(self, name):
        self.name = name

    def __del__(self):
        self.ended.append(self.name)


def counted(kind):
    counts = kind()
    for word in WORDS:
        counts[word] += 1
    return list(counts.items())


def counts():
    return counted(lambda: defaultdict(int)), counted(Counter)


def grouped():
    groups = defaultdict(list)
    for index, word in enumerate(WORDS):
        groups[len(word)].append(index)
    return [(key, len(value), value[-1]) for key, value in groups.items()]


def looked_up():
    plain, missing, ordered = Plain(a=1, b=2.5), Missing(a=1), OrderedDict(a=1, b=2)
    total, texts = 0.0, []
    for turn in range(TURNS):
        total += plain["a"] + plain["b"]
        texts.append(missing["a" if turn % 3 else "b"])
        ordered["b"] = ordered["a"] + turn
        ordered[f"c{turn % 4}"] = turn
        plain[turn % 5] = turn
        if turn % 5 in plain and "a" in ordered and "z" not in missing:
            total += plain[turn % 5]
    return total, texts[-4:], list(ordered.items()), list(plain.items())


def not_there():
    plain, found = Plain(a=1), []
    for turn in range(TURNS):
        try:
            found.append(plain["a" if turn % 4 else "b"])
        except KeyError as error:
            found.append(str(error))
    return found[-6:]


def logged():
    log = Logged(a=1)
    Logged.log.clear()
    for turn in range(TURNS):
        log["b"] = log["a"] + turn
        if "b" in log:
            log["a"] = turn
    return len(Logged.log), Logged.log[-5:]


def later():
    """A class that gets methods of its own while a loop runs."""

    class Later(dict):
        pass

    kept, found = Later(a=1), []
    for turn in range(TURNS):
        if turn == 60:
            Later.__getitem__ = lambda self, key: ("got", key)
        if turn == 90:
            del Later.__getitem__
            Later.__setitem__ = lambda self, key, value: found.append(("set", key))
        if turn == 120:
            Later.__contains__ = lambda self, key: "always"
        kept["b"] = turn
        found.append(kept["a"])
        found.append("z" in kept)
    return found[110:130], found[-9:], dict(kept)


def keys_that_ask():
    key = Key(3)
    kept = Plain({Key(3): "three", 4: "four"})
    Key.asked.clear()
    found = []
    for turn in range(TURNS):
        found.append(kept[key])
        kept[key] = turn
        found.append(Key(turn % 5) in kept)
    return found[-6:], len(Key.asked)


def values_that_end():
    kept = defaultdict(int)
    Ends.ended.clear()
    for turn in range(TURNS):
        kept["x"] = Ends(turn)
        kept[turn % 3] = Ends(-turn)
    return Ends.ended[-7:], len(Ends.ended)


def graph():
    edges: defaultdict[int, set[int]] = defaultdict(set)
    for turn in range(TURNS):
        edges[turn % 17].add(turn * 7 % 17)
        edges[turn * 7 % 17].add(turn % 17)
    seen, todo = {0}, [0]
    while todo:
        for other in edges[todo.pop()]:
            if other not in seen:
                seen.add(other)
                todo.append(other)
    return len(seen), sum(map(len, edges.values()))


for function in (counts, grouped, looked_up, not_there, logged, later, keys_that_ask, values_that_end, graph):
    show(function)
