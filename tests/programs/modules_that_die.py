"""Modules made in a loop that die, each where the one before was, while their dicts or functions live on."""

from __future__ import annotations

from types import ModuleType

from common import show

TURNS = 1500


class Own(ModuleType):
    pass


def made(number, kind=ModuleType):
    module = kind(f"m{number % 7}")
    module.number = number
    exec("def double(): return number * 2", module.__dict__)
    return module


def name_and_number(module):
    return len(module.__name__) + int(module.__name__[1:]) + module.number


def by_dict():
    kept, total = [], 0
    for i in range(TURNS):
        module = made(i)
        kept.append(module.__dict__)
        total += name_and_number(module)
    return total


def by_function():
    kept, total = [], 0
    for i in range(TURNS):
        module = made(i)
        kept.append(module.double)
        total += name_and_number(module) + module.double()
    return total, sum(function() for function in kept)


def all_gone():
    total = 0
    for i in range(TURNS):
        total += name_and_number(made(i))
    return total


def derived():
    kept, total = [], 0
    for i in range(TURNS):
        module = made(i, Own)
        kept.append(module.__dict__)
        total += name_and_number(module)
    return total


def changed():
    module, total = made(5), 0
    for i in range(TURNS):
        if i % 400 == 399:
            module.number = -i
        if i % 500 == 499:
            module.__name__ = f"m{i}"
        total += name_and_number(module)
    return total


def several():
    modules = [made(i) for i in range(3)]
    return sum(name_and_number(modules[i % 3]) for i in range(TURNS))


def without():
    modules, total = [made(i) for i in range(TURNS)], 0
    for i, module in enumerate(modules):
        if i % 300 == 299:
            del module.number
        try:
            total += module.number
        except AttributeError as error:
            total += len(str(error))
    return total


show(by_dict)
show(by_function)
show(all_gone)
show(derived)
show(changed)
show(several)
show(without)
