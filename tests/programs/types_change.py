"""Variables, items and arguments that change their type, within a loop and from call to call."""

from common import show


def in_the_middle(n):
    x = 0
    history = []
    for i in range(n):
        if i == n // 4:
            history.append(x)
            x = 0.5
        elif i == n // 2:
            history.append(x)
            x = 2**70
        elif i == 3 * n // 4:
            history.append(x)
            x = True
        x = x + 1
    history.append(x)
    return history


def to_text(n):
    x = 0
    for i in range(n):
        if i < n // 2:
            x += 1
        elif i == n // 2:
            x = "s"
        elif i % 100 == 0:
            x += "t"
    return x


def every_turn(n):
    x = 0
    total = 0
    for i in range(n):
        x = i if i % 2 else i * 0.5
        total += x
    return total


def every_kind(n):
    kinds = [1, 2.5, True, 2**80, -3]
    total = 0
    for i in range(n):
        x = kinds[i % 5]
        total = total + x * x - x
    return total


def alternates(n):
    x = 1
    for _ in range(n):
        x = 1.0 if x == 1 and type(x) is int else 1
    return x


def none_first(n):
    best = None
    for i in range(n):
        value = (i * 7919) % 1013
        if best is None or value > best:
            best = value
    return best


def none_at_end(n):
    x = 5
    for i in range(n):
        if i == n - 1:
            x = None
        elif x is not None:
            x += 1
    return x


def flag(n):
    found = False
    count = 0
    for i in range(n):
        if not found and i > n // 2:
            found = True
        if found:
            count += 1
    return found, count


def bool_becomes_int(n):
    x = True
    for i in range(n):
        x = x + 1 if i > n - 10 else not x
    return x


def int_becomes_bool(n):
    x = 5
    for i in range(n):
        x = x > i
    return x


def generic(values, n):
    total = values[0]
    for i in range(1, n):
        total = total + values[i % len(values)]
    return total


def callee(a, b):
    return a * b + a


def through_calls(n):
    result = []
    for kind in (1, 1.5, True, 2**65, 3, -0.0):
        total = kind
        for _ in range(n):
            total = callee(kind, 2)
        result.append(total)
    return result


def container_kind(container, n):
    total = 0
    for i in range(n):
        total += container[i % 3]
    return total


def loop_over(iterable):
    count = 0
    last = None
    for item in iterable:
        count += 1
        last = item
    return count, last


def none_and_number(n):
    x = None
    k = 0
    for i in range(n):
        if x is None:
            x = 5
            k += 1
        elif i % 7 == 3:
            x = None
    return k, x


def gives_one():
    return 1


def gives_float():
    return 2.5


def function_in_local(n):
    h = gives_one
    t = 0
    for i in range(n):
        t += h()
        h = gives_float
        if i % 5 == 0:
            h = gives_one
    return t


def lengths_of_constants(n):
    s = "abc"
    t = 0
    for i in range(n):
        t += len(s)
        s = (1, 2) if i % 3 else "abcd"
    return t


def flag_flips(n):
    on = False
    t = 0
    for i in range(n):
        if on:
            t += i
            on = False
        else:
            on = True
    return t


def list_or_constant(n):
    a = [1, 2, 3]
    c = a
    t = 0
    for i in range(n):
        t += c[0]
        c = (7, 8)
        if i % 4 == 0:
            c = a
    return t


class One:
    v = 1


class Other:
    v = 2


def class_in_local(n):
    c = One
    t = 0
    for i in range(n):
        t += c.v
        c = Other
        if i & 1:
            c = One
    return t


def constant_for_float(n, b, c):
    for _ in range(n):
        b -= c
        c = 3
    return b


def constants_take_turns(n):
    # What a local holds one turn later is a constant, and another one than was observed.
    results = []
    functions = (none_and_number, function_in_local, lengths_of_constants, flag_flips, list_or_constant, class_in_local)
    for m in (3, 20, n):
        for f in functions:
            results.append((f.__name__, f(m)))
        results.append(constant_for_float(m, 4.5, 0.5))
    return results


def argument_changes(x, n):
    for i in range(n):
        x = x + x if i % 10 == 0 else x
        if i % 100 == 0:
            x = x * 0
    return x


def small_and_large(n):
    total = 0
    for i in range(n):
        x = 1 << (i % 80)
        total += x & 0xFFFF
        total += x >> 40
    return total


def tuple_or_list(n):
    a, b = (1, 2, 3), [4, 5, 6]
    total = 0
    for i in range(n):
        x = a if i % 3 else b
        total += x[i % 3]
    return total


def leaves_with_many_kinds(n):
    a, b, c, d, e = 0, 0.0, False, None, ()
    for i in range(n):
        a += 1
        b += 0.5
        c = not c
        d = i if i % 2 else None
        e = (a, b)
    return a, b, c, d, e, i


def unused_until_late(n):
    x = 1
    y = 2.5
    z = "kept"
    for i in range(n):
        x += i
        if i == n - 1:
            y = y + x
            z = z + "!"
    return x, y, z


def shadow_types(n):
    x = 0
    for i in range(n):
        x += i
    for i in range(n):
        x = x * 0.999
    for i in "text" * (n // 4):
        x = i
    return x


for _ in range(2):
    for function in (in_the_middle, to_text, every_turn, every_kind, alternates, none_first, none_at_end, flag):
        show(function, 2400)
    for function in (bool_becomes_int, int_becomes_bool, small_and_large, tuple_or_list, leaves_with_many_kinds):
        show(function, 2401)
    for function in (unused_until_late, shadow_types):
        show(function, 2000)
    show(through_calls, 700)
    for values in ([1, 2], [1.5, 2], [2**70, 1.0], ["a", "b"], [(1,), (2,)], [True, 1], [1j, 2]):
        show(generic, values, 1200)
    for container in ([1, 2, 3], (1, 2, 3), b"abc", bytearray(b"abc"), {0: 1, 1: 2, 2: 3}, range(3), [1.5, 2, True]):
        show(container_kind, container, 1200)
    for iterable in (range(1500), list(range(1500)), tuple(range(1500)), "x" * 1500, bytes(1500), dict.fromkeys("ab")):
        show(loop_over, iterable)
    show(loop_over, iter(range(1500)))
    show(loop_over, (k for k in range(1500)))
    show(loop_over, map(abs, range(-1500, 0)))
    for argument in (1, 1.5, True, "ab", [1], 2**70):
        show(argument_changes, argument, 1500)
    show(constants_take_turns, 2000)
show(in_the_middle, "x")
