"""Globals, classes and functions that change while loops run: what traces took as fixed once, they do not any more."""

from __future__ import annotations

from common import show

counter = 0
current = None
total = 0


class Item:
    made = 0
    factor = 2

    def __init__(self, value):
        Item.made += 1
        self.value = value

    def scaled(self):
        return self.value * self.factor


def count_up(count):
    global counter
    counter = 0
    for i in range(count):
        counter += i
    return counter


def inner_loop():
    result = 0
    for i in range(20):
        result += current.value + i
    return result


def change_global_often(count):
    global current
    result = 0
    for i in range(count // 10):
        current = Item(i)
        result += inner_loop()
    return result


def delete_global(count):
    global current
    result = 0
    for i in range(count):
        current = Item(i)
        if i == count - 1:
            del current
        result += current.value
    return result


def count_instances(count):
    Item.made = 0
    result = 0
    for i in range(count):
        result += Item(i).scaled()
    return result, Item.made


def change_class_often(count):
    item = Item(3)
    result = 0
    for i in range(count):
        if i % 50 == 0:
            Item.factor = i
        result += item.scaled() + item.factor + Item.factor
    Item.factor = 2
    return result


def helper(value=1):
    return value + 1


def change_defaults_often(count):
    result = 0
    for i in range(count):
        if i % 40 == 0:
            helper.__defaults__ = (i,)
        result += helper() + helper(i)
    helper.__defaults__ = (1,)
    return result


def change_code_often(count):
    def one():
        return 1

    def two():
        return 2

    codes = [one.__code__, two.__code__]
    result = 0
    for i in range(count):
        if i % 30 == 0:
            one.__code__ = codes[i // 30 % 2]
        result += one()
    return result


def add_total(value):
    global total
    total += value
    return total


def global_in_call(count):
    global total
    total = 0
    result = 0
    for i in range(count):
        result += add_total(i)
    return result, total


def replace_builtin(count):
    result = 0
    for i in range(count):
        if i % 100 == 0:
            globals()["len"] = lambda _: 1000
        result += len("abc")
        if i % 100 == 50:
            del globals()["len"]
    globals().pop("len", None)
    return result


for function in [count_up, change_global_often, count_instances, change_class_often, change_defaults_often]:
    show(function, 3000)
for function in [change_code_often, global_in_call, replace_builtin, delete_global]:
    show(function, 3000)
