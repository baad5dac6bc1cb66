"""The truth of objects whose type says nothing of it, and of those whose type does, by and by."""

from common import show, text


class Plain:
    pass


class Slotted:
    __slots__ = ("x",)


class Late:
    """Gets a way to be false later."""


class WithLength:
    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n


class Meta(type):
    pass


class Made(metaclass=Meta):
    pass


class Liar(metaclass=Meta):
    def __bool__(self):
        return "yes"


class Dying:
    died = 0

    def __del__(self):
        Dying.died += 1


def count(objects, rounds):
    true = false = 0
    for _ in range(rounds):
        for item in objects:
            if item:
                true += 1
            else:
                false += 1
            if not item:
                false += 1
            true += 2 * (item and 1 or 0)
    return true, false


def made(rounds):
    n = 0
    for k in range(rounds):
        if Plain():
            n += 1
        if Dying():
            n += k % 2
        while not Slotted():
            n -= 100
    return n, Dying.died


def later(rounds):
    items = [Late(), Late()]
    seen = []
    for k in range(rounds):
        if k == rounds // 3:
            Late.__bool__ = lambda self: False
        if k == rounds // 2:
            del Late.__bool__
        if k == 2 * rounds // 3:
            Late.__len__ = lambda self: 0
        for item in items:
            seen.append(bool(1 if item else 0))
    return seen.count(True), seen.count(False), seen


def changed(rounds):
    item = Plain()
    n = 0
    for k in range(rounds):
        if k % 40 == 39:
            item.__class__ = Late if type(item) is Plain else Plain
        n = n * 2 % 1000003 + (1 if item else 3)
    return n


def any_of(objects, rounds):
    n = 0
    for _ in range(rounds):
        n += any(hasattr(item, "x") for item in objects if item)
        n += 2 * any(item.x for item in objects if item and type(item) is Slotted)
    return n


def main():
    slotted = Slotted()
    slotted.x = 1
    objects = [Plain(), None, slotted, WithLength(0), WithLength(2), Made, Made(), Meta, count, print, text]
    objects += [0, "", 1.5, [], ()]
    print(text(count(objects, 60)))
    print(text(count([Plain(), Plain(), None], 60)))
    print(text(made(200)))
    print(text(later(120)))
    del Late.__len__
    print(text(changed(300)))
    print(text(any_of([None, Plain(), slotted], 100)))
    show(count, [Plain(), Liar()], 3)
    show(count, [Plain()] * 30 + [Liar()], 40)


main()
