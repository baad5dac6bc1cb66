"""What a loop's first turn found, and a way beside it changes later: the loop must not go on with what it knew."""

from __future__ import annotations

from common import show

TURNS = 60


def classes():
    class Plain:
        shown = "of the class"
        number = 1

    class Slots:
        __slots__ = ("shown",)

    return Plain, Slots


def hidden():
    """An attribute of the class gets hidden by one of the instance."""
    found = []
    for change in (20, 21, 35):
        plain = classes()[0]()
        plain.shown = "own"
        plain.number = 5
        del plain.shown, plain.number
        for turn in range(TURNS):
            if turn == change:
                plain.__dict__["shown"] = "in the dict"
            if turn == change + 9:
                setattr(plain, "number", 7)
            if turn == change + 12:
                del plain.shown
            found.append((plain.shown, plain.number))
    return [(index, item) for index, item in enumerate(found) if index and found[index - 1] != item]


def appears():
    """An attribute that was not there comes and goes."""
    plain, slots = (kind() for kind in classes())
    found = []
    for turn in range(TURNS):
        if turn % 20 == 10:
            plain.__dict__["more"] = turn
            object.__setattr__(slots, "shown", turn)
        if turn % 20 == 15:
            del plain.more, slots.shown
        found.append((getattr(plain, "more", None), hasattr(plain, "more"), getattr(slots, "shown", None)))
    return [(index, item) for index, item in enumerate(found) if index and found[index - 1] != item]


def numbers():
    """Attributes and items that are the same number for a while."""
    plain, items, pair = classes()[0](), [1, 1], (2, [3])
    plain.number = 4
    found = []
    for turn in range(TURNS):
        if turn % 20 == 10:
            vars(plain)["number"] = 5
            items.__setitem__(0, 6)
            pair[1].__setitem__(0, 7)
        if turn % 20 == 15:
            vars(plain).update(number=4)
            items[:] = [1, 1]
            pair[1][:] = [3]
        if plain.number == 4 and items[0] == 1:
            found.append(plain.number + items[0] + pair[1][0])
        else:
            found.append((plain.number, items[0], pair[1][0]))
    return [(index, item) for index, item in enumerate(found) if index and found[index - 1] != item]


def nothing():
    """None, True and others that are one object."""
    plain = classes()[0]()
    plain.shown, plain.number = None, True
    found = []
    for turn in range(TURNS):
        if turn % 20 == 10:
            vars(plain)["shown"] = turn
            vars(plain)["number"] = False
        if turn % 20 == 16:
            vars(plain).update(shown=None, number=True)
        found.append((0 if plain.shown is None else plain.shown, 1 if plain.number else 2))
    return [(index, item) for index, item in enumerate(found) if index and found[index - 1] != item]


class Late:
    def __init__(self, number):
        pass


class Value:
    pass


LATE = []


def stored_late(turns):
    """The object of a variable has its attributes in a dict; the one that takes its place has not."""
    text = "123"
    kinds = [1, 2.5]
    for turn in range(turns):
        late = LATE[turn % 40]
        for letter in text:
            for item in kinds:
                late.first = Value
            late = Late(turn)
    return late


def fill():
    """Of these each has a dict: when they were made nobody knew of two attributes."""
    LATE[:] = [Late(index) for index in range(40)]
    for each in LATE:
        each.first = each.second = each


fill()
stored_late(10 * TURNS)


def with_and_without_dict():
    """What became of them."""
    return [(sorted(vars(each)), each.first is Value) for each in LATE[::13]]


for function in (hidden, appears, numbers, nothing, with_and_without_dict):
    show(function)
