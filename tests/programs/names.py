"""Locals, globals, closures, builtins; some are changed while a loop runs."""

import builtins
import math
import types

from common import show

SCALE = 3
COUNTER = 0
APPEARS = None
module = types.ModuleType("module")
module.factor = 2


def reads_global(n):
    total = 0
    for i in range(n):
        total += i * SCALE
    return total


def writes_global(n):
    global COUNTER
    for i in range(n):
        COUNTER += i % 3
    return COUNTER


def set_scale(value):
    global SCALE
    SCALE = value


def global_changes_in_call(n):
    total = 0
    for i in range(n):
        total += SCALE
        if i % 500 == 499:
            set_scale(SCALE + 1)
    set_scale(3)
    return total


def global_changes_through_dict(n):
    total = 0.0
    names = globals()
    for i in range(n):
        total += SCALE
        if i == n // 2:
            names["SCALE"] = 0.5
    set_scale(3)
    return total


def global_is_deleted(n):
    total = 0
    for i in range(n):
        total += APPEARS
        if i == n - 3:
            del globals()["APPEARS"]
    return total


def builtin_is_shadowed(n):
    total = 0
    values = [1, 2, 3]
    for i in range(n):
        total += len(values)
        if i == n // 2:
            globals()["len"] = lambda _: 1000
        if i == n // 2 + 100:
            del globals()["len"]
    return total


def builtin_is_replaced(n):
    original = builtins.abs
    total = 0
    for i in range(n):
        total += abs(-i)
        if i == n // 2:
            builtins.abs = lambda x: 7
        if i == n // 2 + 50:
            builtins.abs = original
    return total


def function_is_replaced(n):
    total = 0
    for i in range(n):
        total += helper(i)
        if i == n // 2:
            globals()["helper"] = other_helper
    return total


def helper(x):
    return x + 1


def other_helper(x):
    return x * 2


first_helper = helper


def code_is_replaced(n):
    def callee(x):
        return x + 1

    def new(x):
        return x - 1

    total = 0
    for i in range(n):
        total += callee(i)
        if i == n // 2:
            callee.__code__ = new.__code__
    return total


def own_code_is_replaced(n):
    total = 0
    for i in range(n):
        total += i
        if i == n // 2:
            own_code_is_replaced.__code__ = replacement.__code__
    return total


def replacement(n):
    total = 0
    for i in range(n):
        total -= i
    return total


def defaults_change(n):
    def callee(x, y=1):
        return x + y

    total = 0
    for i in range(n):
        total += callee(i)
        if i == n // 2:
            callee.__defaults__ = (100,)
    return total


def closure_reads(n):
    factor = 5

    def inner(m):
        total = 0
        for i in range(m):
            total += i * factor
        return total

    first = inner(n)
    factor = 0.5
    return first, inner(n)


def closure_writes(n):
    count = 0

    def inner(m):
        nonlocal count
        for i in range(m):
            count += i
        return count

    return inner(n), count


def closure_called(n):
    count = 0

    def bump(by):
        nonlocal count
        count += by
        return count

    last = 0
    for i in range(n):
        last = bump(i % 3)
    return count, last


def closure_many(n):
    adders = []
    for k in range(4):

        def add(x, k=k):
            return x + k

        adders.append(add)
    total = 0
    for i in range(n):
        total += adders[i % 4](i)
    return total


def cell_becomes_empty(n):
    value = 1

    def inner(m):
        total = 0
        for i in range(m):
            total += value
            if i == m - 2:
                remove()
        return total

    def remove():
        nonlocal value
        del value

    return inner(n)


def unbound_local(n):
    for i in range(n):
        if i > n - 3:
            return later  # noqa: F821
        if i > n:
            later = i
    return None


def deleted_local(n):
    total = 0
    for i in range(n):
        x = i
        total += x
        if i == n - 2:
            del x
            total += x
    return total


def module_attribute(n):
    total = 0
    for i in range(n):
        total += i * module.factor
        if i == n // 2:
            module.factor = 10
        if i == n // 2 + 20:
            module.factor = 0.25
    module.factor = 2
    return total


def module_constant(n):
    total = 0.0
    for _ in range(n):
        total += math.pi
    return total


def class_constant(n):
    class Settings:
        step = 2

    total = 0
    for i in range(n):
        total += Settings.step
        if i == n // 2:
            Settings.step = 5
    return total


def custom_builtins(n):
    names = {"__builtins__": {"range": range, "len": lambda x: 42}}
    exec("def f(n):\n    t = 0\n    for i in range(n):\n        t += len('x')\n    return t\n", names)
    return names["f"](n)


def exec_with_globals(n):
    names = {"k": 1}
    exec("def f(n):\n    t = 0\n    for i in range(n):\n        t += k\n    return t\n", names)
    first = names["f"](n)
    names["k"] = 2
    return first, names["f"](n)


def globals_with_odd_keys(n):
    names = {"k": 1, 5: 6}
    exec("def f(n):\n    t = 0\n    for i in range(n):\n        t += k\n    return t\n", names)
    return names["f"](n)


def bound_late(n, first, value):
    for i in range(n):
        if i >= first:
            late = value
            number = i * 0.5
    return late, number


def bound_in_later_turns(n):
    # The traces know the locals as bound; each new call begins without them.
    items = [1, 2, 3]
    return [bound_late(n, 2, items), [bound_late(20, 15, items) for _ in range(20)], len(items)]


for _ in range(3):
    show(reads_global, 1500)
    show(writes_global, 1500)
    show(global_changes_in_call, 2500)
    show(global_changes_through_dict, 2000)
APPEARS = 2
show(global_is_deleted, 2000)
APPEARS = 3
show(global_is_deleted, 2000)
show(builtin_is_shadowed, 3000)
show(builtin_is_replaced, 3000)
show(function_is_replaced, 3000)
helper = first_helper
show(function_is_replaced, 3000)
show(code_is_replaced, 3000)
show(own_code_is_replaced, 3000)
show(own_code_is_replaced, 3000)
show(defaults_change, 2000)
show(closure_reads, 2000)
show(closure_writes, 2000)
show(closure_called, 2000)
show(closure_many, 2000)
show(cell_becomes_empty, 2000)
show(unbound_local, 2000)
show(deleted_local, 2000)
show(bound_in_later_turns, 2000)
show(module_attribute, 2000)
show(module_constant, 2000)
show(class_constant, 2000)
show(custom_builtins, 2000)
show(exec_with_globals, 2000)
show(globals_with_odd_keys, 2000)
