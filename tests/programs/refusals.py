"""What C functions refuse to do in a trace: keys that run Python code, and objects whose end does."""

from common import show


class Key:
    def __init__(self, value):
        self.value = value

    def __hash__(self):
        return hash(self.value)

    def __eq__(self, other):
        Key.asked += 1
        return isinstance(other, Key) and other.value == self.value

    asked = 0


class Loud:
    ended = 0

    def __del__(self):
        Loud.ended += 1


def keys_of_both_kinds(n):
    Key.asked = 0
    table = {Key(1): 1, Key(2): 2, 1: 7}
    keys = [1, Key(1), Key(2)]
    total = 0
    for i in range(n):
        total += table[keys[(i >> 6) % 3]]
        if keys[(i >> 7) % 3] in table:
            total += 1
        table[keys[(i >> 5) % 3]] = i & 7
    return total, Key.asked > n


def ends_later(n):
    Loud.ended = 0
    table = {}
    for i in range(n):
        table["x"] = Loud() if i > n // 2 else i
    return Loud.ended


def ends_and_is_popped(n):
    Loud.ended = 0
    table = {}
    for i in range(n):
        table[i] = Loud() if i > n // 2 else [i]
        del table[i]
        table[i] = [Loud()] if i > n // 2 else i
        table.pop(i)
    return Loud.ended, table


def keys_in_sets(n):
    Key.asked = 0
    found = set()
    for i in range(n):
        found.add(i % 10 if i < n // 2 else Key(i % 10))
    return len(found), Key.asked > n // 4


def raises_in_the_end(n):
    total = 0
    for i in range(n):
        try:
            total += int("x" if i % 3 == 0 and i > n // 2 else "1")
        except ValueError:
            total += 2
    return total


def raises_always(n):
    total = 0
    for i in range(n):
        try:
            total += {}[i]
        except KeyError as error:
            total += error.args[0]
    return total


def compares(n):
    things = [1, "a", Key(1), (1, 2), (Key(1),)]
    total = 0
    for i in range(n):
        total += things[(i >> 5) % 5] == things[(i >> 6) % 5]
        total += things[(i >> 5) % 5] in things
    return total


def formats(n):
    things = [1, "a", 2.5, Key(1), [1]]
    length = 0
    for i in range(n):
        length += len(f"{things[(i >> 5) % 5]}") > 0
    return length


N = 3000
for function in (
    keys_of_both_kinds,
    ends_later,
    ends_and_is_popped,
    keys_in_sets,
    raises_in_the_end,
    raises_always,
    compares,
    formats,
):
    show(function, N)


class Watching:
    seen = []

    def __init__(self, value):
        self.value = value

    def __del__(self):
        import sys

        frame = sys._getframe(1)
        if self.value % 500 == 7:
            Watching.seen.append((self.value, frame.f_code.co_name, frame.f_lineno))


def holds_until_the_end(i):
    a = Watching(i) if i > 1000 else i
    b = Watching(-i) if i > 2000 else i
    return a is b, [i]


def ends_with_a_call(n):
    Watching.seen.clear()
    total = 0
    for i in range(n):
        same, listed = holds_until_the_end(i)
        total += same + listed[0]
    return total, Watching.seen


class Maker:
    def __init__(self, i):
        kept = Watching(i) if i > 1000 else i
        self.i = i


def ends_with_an_init(n):
    Watching.seen.clear()
    total = 0
    for i in range(n):
        total += Maker(i).i
    return total, Watching.seen


for function in (ends_with_a_call, ends_with_an_init):
    show(function, N)
