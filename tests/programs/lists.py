"""Slices, and lists that change their length: append, insert, pop, stores of slices. Tuples that are kept."""

import sys

from common import show


class MyList(list):
    def append(self, item):
        list.append(self, -item)


class PlainSubclass(list):
    pass


class Thing:
    def __init__(self, value):
        self.value = value

    def __repr__(self):
        return f"Thing({self.value})"


class Loud(Thing):
    log = []

    def __del__(self):
        Loud.log.append(self.value)


class Index:
    def __index__(self):
        return 1


def read_slices(sequence, n):
    total = 0
    for i in range(n):
        k = i % 9 - 4
        total += len(sequence[k:]) + len(sequence[:k]) + len(sequence[k : k + 3]) + len(sequence[:])
    return total, sequence[k:], sequence[:k], type(sequence[:])


def read_with_steps(sequence, n):
    last = None
    total = 0
    for i in range(n):
        k = i % 7 - 3
        a = sequence[::-1]
        b = sequence[k::-1]
        c = sequence[:k:2]
        d = sequence[k:-1:3]
        total += len(a) + 10 * len(b) + 100 * len(c) + 1000 * len(d)
        last = (a, b, c, d)
    return total, last


def variable_step(values, n):
    total = 0
    for i in range(n):
        step = i % 5 - 2
        if step:
            total += sum(values[::step]) + len(values[1::step])
    return total


def step_zero(values, n):
    total = 0
    for i in range(n):
        step = 1 if i < n - 2 else 0
        total += len(values[::step])
    return total


def bounds_of_other_types(values, start, n):
    total = 0
    for i in range(n):
        total += len(values[start : i % 4])
    return total


def huge_bounds(values, n):
    total = 0
    for i in range(n):
        far = (i + 1) << 55
        total += len(values[far:]) + len(values[-far:far]) + len(values[far::-1]) + len(values[:-far:-1])
        far = far << 40
        total += len(values[:far])
    return total


def slice_is_new(n):
    values = [1, 2, 3]
    same = 0
    for i in range(n):
        copy = values[:]
        copy[0] = i
        same += copy is values
    return same, values, copy


def whole_tuple_is_same(n):
    values = (1, 2, 3)
    same = 0
    for i in range(n):
        same += (values[:] is values) + (values[0:3] is values) + (values[1:] is values)
    return same


def whole_string_is_same(n):
    word = "hello"
    same = 0
    for i in range(n):
        same += (word[:] is word) + (word[i % 5 :] == "hello"[i % 5 :])
    return same


def flips(n):
    perm = list(range(n))
    count = 0
    for i in range(300):
        perm[: i % n + 1] = perm[i % n :: -1]
        count += perm[0]
        perm[i % 3 :] = perm[i % 3 :][::-1]
    return perm, count


def flips_of_things(n):
    perm = [Thing(k) for k in range(n)]
    for i in range(900):
        perm[: i % n + 1] = perm[i % n :: -1]
    return [thing.value for thing in perm], [sys.getrefcount(thing) for thing in perm]


def grows_and_shrinks(n):
    values = [1, 2, 3, 4, 5, 6]
    longest = 0
    for i in range(n):
        values[1:3] = (i, i + 1, i + 2)
        values[2:4] = [i]
        if len(values) > longest:
            longest = len(values)
        values[4:] = [7, 8]
    return values, longest


def store_with_odd_bounds(n):
    values = [0] * 6
    for i in range(n):
        values[4:2] = (i,)
        values[-1:] = [i]
        values[9:] = ()
        values[:-6] = []
    return values


def store_itself(n):
    values = [1, 2, 3]
    for i in range(n):
        values[:] = values
        values[1:2] = values[1:2]
        if i % 100 == 0:
            values[3:] = values
            del values[3:]
    return values


def store_tuple_of_loop(n):
    values = [0, 0, 0]
    for i in range(n):
        values[0:2] = (i, i * 1.5)
        values[2:3] = (i > 5,)
    return values


def store_drops_things(n):
    """Things that die when they are replaced."""
    Loud.log = []
    values = [Loud(k) for k in range(6)]
    for i in range(n):
        values[i % 3 : i % 3 + 2] = (i, i)
        if i < 6:
            Loud.log.append(("turn", i))
    return Loud.log, values


def store_drops_shared(n):
    a, b = Thing("a"), Thing("b")
    values = [a, a, b, b]
    for i in range(n):
        values[0:2] = [b, a]
        values[2:4] = (a, a)
        values[0:4] = (a, b, a, b)
    return values, sys.getrefcount(a), sys.getrefcount(b)


def borrowed_survives(n):
    """An item that is on the stack while the list lets go of it."""
    values = [1.5, 2.5, "x" * 3]
    total = 0.0
    for i in range(n):
        total += values[0] + replaced(values, i)
    return total, values


def replaced(values, i):
    values[0:2] = [i * 0.5, i + 0.25]
    return values[1]


def store_wrong(value, n):
    values = [1, 2, 3]
    for i in range(n):
        values[0:1] = [i] if i < n - 3 else value
    return values


def store_iterables(n):
    values = [1, 2, 3]
    for i in range(n):
        values[0:2] = range(2)
        values[1:1] = {i % 3: 0}
        values[3:] = "ab"
    return values


def store_with_step(n):
    values = [0] * 8
    for i in range(n):
        values[::2] = [i] * 4
        values[1:2] = [i]
    return values


def delete_slice(n):
    values = [0] * 8
    for i in range(n):
        values[8:] = [i, i]
        del values[-2:]
    return values


def appends(n):
    ints, floats, bools, pairs, mixed = [], [], [], [], []
    for i in range(n):
        ints.append(i * 3)
        floats.append(i * 0.5)
        bools.append(i % 3 == 0)
        pairs.append((i, i + 0.5, i > 3))
        mixed.append("even" if i % 2 == 0 else None)
    return sum(ints), sum(floats), sum(bools), pairs[0], pairs[-1], mixed[:3], len(mixed)


def append_result(n):
    values = []
    nothing = 0
    for i in range(n):
        nothing += values.append(i) is None
    return nothing, len(values)


def append_same_object(n):
    values = []
    other = []
    for i in range(n):
        x = i * 1.25
        values.append(x)
        other.append(x)
        values.append(x)
    return (
        sum(a is b for a, b in zip(values[::2], other, strict=True)),
        values[0] is values[1],
        sys.getrefcount(other[5]),
    )


def append_to_subclass(kind, n):
    values = kind()
    for i in range(n):
        values.append(i)
    return values[:5], len(values), type(values).__name__


def append_itself(n):
    values = []
    for i in range(n):
        values.append(values)
    return len(values), values[0] is values, sys.getrefcount(values) - n


def append_bound(n):
    values = []
    append = values.append
    pop = values.pop
    for i in range(n):
        append(i)
        append(i + 1)
        pop()
    return values[-3:], len(values)


def append_bound_changes(n):
    first, second = [], []
    append = first.append
    for i in range(n):
        append(i)
        if i == n - 500:
            append = second.append
        if i == n - 250:
            append = second.remove if i < 0 else second.insert.__self__.append
    return len(first), len(second), second[-1]


def grows_while_iterated(n):
    values = [0]
    total = 0
    for value in values:
        total += value
        if value < n:
            values.append(value + 1)
    return total, len(values)


def shrinks_while_iterated(n):
    values = list(range(n))
    seen = 0
    for value in values:
        seen += value
        values.pop()
    return seen, len(values)


def length_after_change(n):
    values = [1, 2, 3]
    total = 0
    for i in range(n):
        total += len(values)
        values.append(i)
        total += len(values) + values[-1] + values[3]
        values.pop()
        total += len(values) + values[-1]
    return total


def pops(n):
    values = list(range(n))
    total = 0
    while len(values) > 20:
        total = total * 3 % 1000003 + values.pop() - values.pop(0) + values.pop(-2) + values.pop(5)
    return total, values


def pop_as_stack(n):
    stack = [(0, 1)]
    total = 0
    while stack:
        depth, width = stack.pop()
        total += width
        if depth < n:
            stack.append((depth + 1, width))
            if depth % 3 == 0:
                stack.append((depth + 2, width + 1))
    return total


def pop_all(n):
    values = list(range(n))
    try:
        while True:
            values.pop()
    except IndexError as error:
        return str(error), values, sys.getsizeof(values)


def pop_beyond(index, n):
    values = list(range(n))
    total = 0
    for i in range(n):
        total += values.pop(0 if i < n - 5 else index)
    return total


def pop_wrong(index, n):
    values = list(range(n))
    total = 0
    for i in range(n):
        total += values.pop(index)
    return total


def pop_things(n):
    values = [Thing(k) for k in range(5)]
    total = 0
    for i in range(n):
        thing = values.pop(i % 5)
        total += thing.value
        values.insert(i % 3, thing)
    del thing
    return total, values, [sys.getrefcount(thing) for thing in values]


def pop_last_reference(n):
    Loud.log = []
    values = [Loud(k) for k in range(5)]
    kept = 0
    for i in range(n):
        if i % 400 == 399:
            values.pop()
            Loud.log.append(("after", i))
        kept += len(values)
    return kept, Loud.log


def inserts(n):
    values = []
    for i in range(n):
        values.insert(0, i)
        values.insert(-1, i * 0.5)
        values.insert(i, "x")
        values.insert(i * 1000, i > 3)
        values[0:3] = values[1:4]
    return len(values), values[:4], values[-4:]


def insert_wrong(index, n):
    values = []
    for i in range(n):
        values.insert(0 if i < n - 3 else index, i)
    return len(values), values[:3]


def rotates(n):
    values = list(range(7))
    insert, pop = values.insert, values.pop
    seen = 0
    for i in range(n):
        insert(i % 7, pop(0))
        seen += values[3]
    return values, seen


def sizes(n):
    """The memory that a list takes is the same, too."""
    values = []
    seen = set()
    for i in range(n):
        values.append(i)
        if i % 50 == 0:
            seen.add(sys.getsizeof(values))
    for i in range(n - 10):
        values.pop()
        if i % 50 == 0:
            seen.add(sys.getsizeof(values))
    copy = values[:]
    copy[1:2] = (1, 2, 3)
    return sorted(seen), sys.getsizeof(values), sys.getsizeof(copy)


def matrix_copy(n):
    rows = [[k, k + 1, k + 2.5] for k in range(4)]
    total = 0.0
    for i in range(n):
        row = rows[i % 4]
        row = row[:]
        row.append(i)
        total += row[2] + row[-1]
        rows[i % 4][0] = row[1]
    return total, rows


def nested_dies(n):
    inner = [1, 2]
    for i in range(n):
        outer = [inner, inner][:]
        outer.append([i, (i, [i])][:])
        value = outer[2][1][1]
    return outer, value, sys.getrefcount(inner)


def local_list_replaced(n):
    Loud.log = []
    values = [Loud(0)]
    for i in range(n):
        values = [0, i][:] if i % 500 else [Loud(i)]
        if i % 500 < 2:
            Loud.log.append(("at", i))
    return Loud.log


def tuple_kept(n):
    t = (0, 0)
    for i in range(n):
        t = (i, i + 1)
    return t


def tuple_carried(n):
    t = (0, 1)
    for i in range(n):
        t = (t[1], t[0] + i)
    return t


def tuple_nested(n):
    t = None
    for i in range(n):
        x = i * 0.5
        t = (i, (x, x), i > 3, "word", None, (t is None,))
    return t, t[1][0] is t[1][1], sys.getrefcount(t)


def tuple_in_two_locals(n):
    a = b = None
    same = 0
    for i in range(n):
        same += a is b
        a = b = (i, 2.5 * i)
    return a, a is b, same, sys.getrefcount(a)


def tuple_of_things(n):
    one, two = Thing(1), Thing(2)
    t = ()
    for i in range(n):
        t = (one, two, i)
        one, two = t[1], t[0]
    return t, sys.getrefcount(one), sys.getrefcount(two)


def tuple_keeps_last_thing(n):
    Loud.log = []
    t = ()
    for i in range(n):
        if i % 500 == 0:
            thing = Loud(i)
        t = (thing, i)
        if i % 500 < 2:
            Loud.log.append(("at", i))
    thing = None
    Loud.log.append("released")
    t = None
    return Loud.log


def tuple_stored(n):
    values = [None] * 4
    keeper = Thing(None)
    for i in range(n):
        values[i % 4] = (i, i * 2)
        keeper.value = (i, (i * 0.25, values))
    return values[:2], keeper.value[0], keeper.value[1][1] is values, sys.getrefcount(values)


def tuples_swapped(n):
    a, b = (1, 2), (3, 4)
    for i in range(n):
        a, b = (b[0], i), (a[1], b[0])
    return a, b


def tuple_unpacked_next_turn(n):
    state = (0, 1, 0.0)
    for i in range(n):
        a, b, c = state
        state = (b, (a + b) % 1000003, c + a * 0.5)
    return state


def tuple_conditional(n):
    best = None
    for i in range(n):
        score = i * 7919 % 1009
        if best is None or score > best[0]:
            best = (score, i)
    return best


def bool_kept(n):
    flag = None
    for i in range(n):
        flag = i * 7 % 5 > 2
    return flag


def unbound_before_store(n, thing):
    total = 0
    x = thing
    y = [1]
    for i in range(n):
        x = thing
        y = [i, thing][:]
        if i % 1000 == 700:
            del x, y
        total += i
    return total


def unbound_number(n):
    total = 0
    x = 1
    for i in range(n):
        x = i
        total += x
        if i % 1000 == 700:
            del x
    return total


for sequence in (
    [1, 2, 3, 4, 5],
    [],
    (1, 2, 3, 4),
    "hello",
    "h\u00e9llo\U0001f600!",
    b"bytes",
    bytearray(b"array"),
    range(5),
):
    show(read_slices, sequence, 1500)
    show(read_with_steps, sequence, 1500)
show(read_slices, PlainSubclass([1, 2, 3]), 1500)
show(read_with_steps, PlainSubclass([1, 2, 3]), 1500)
show(variable_step, [1, 2, 3, 4], 2000)
show(step_zero, [1, 2, 3], 1500)
for start in (None, 1, True, -2, 2**70, Index(), 1.5, "x"):
    show(bounds_of_other_types, [1, 2, 3, 4], start, 1500)
show(huge_bounds, [1, 2, 3], 1500)
show(huge_bounds, (1, 2, 3), 1500)
show(huge_bounds, "abc", 1500)
for function in (slice_is_new, whole_tuple_is_same, whole_string_is_same):
    show(function, 2000)
for n in (1, 2, 7, 40):
    show(flips, n)
    show(flips_of_things, n)
for function in (grows_and_shrinks, store_with_odd_bounds, store_itself, store_tuple_of_loop, store_drops_things):
    show(function, 2000)
for function in (store_drops_shared, borrowed_survives, store_iterables, store_with_step, delete_slice):
    show(function, 2000)
for value in (5, None, (), {1: 2}, Thing(1)):
    show(store_wrong, value, 1500)
for function in (appends, append_result, append_same_object, append_itself, append_bound, append_bound_changes):
    show(function, 2000)
for kind in (list, MyList, PlainSubclass):
    show(append_to_subclass, kind, 2000)
for function in (grows_while_iterated, shrinks_while_iterated, length_after_change, pops, pop_all):
    show(function, 3000)
show(pop_as_stack, 40)
for index in (5, -6, 2**70, 1.5, None):
    show(pop_beyond, index, 1500)
for index in (True, Index(), "x", -1, 0):
    show(pop_wrong, index, 1500)
for function in (
    pop_things,
    pop_last_reference,
    inserts,
    rotates,
    sizes,
    matrix_copy,
    nested_dies,
    local_list_replaced,
):
    show(function, 2000)
for index in (2**70, 1.5, True, Index(), -(2**60)):
    show(insert_wrong, index, 1500)
for function in (tuple_kept, tuple_carried, tuple_nested, tuple_in_two_locals, tuple_of_things, tuple_keeps_last_thing):
    show(function, 2000)
for function in (tuple_stored, tuples_swapped, tuple_unpacked_next_turn, tuple_conditional, bool_kept, unbound_number):
    show(function, 2000)
show(unbound_before_store, 4000, Thing(1))


def stored_twice(n):
    """The stored list is seen again."""
    a, b = [1, 2, 3], [4, 5, 6]
    for i in range(n):
        c = a[:] = b[::-1]
        b[1:] = d = a[1:]
        d[0] = i
        b[0] = i % 7
    return a, b, c, d


def stored_things_are_shared(n):
    things = [Thing(k) for k in range(3)]
    a = things[:]
    b = things[::-1]
    for i in range(n):
        a[:] = b[:]
        b[0:2] = a[1:][:]
        a[1:3] = b[::2][::-1]
        b[i % 3 :] = things[i % 3 :]
    return a, b, [sys.getrefcount(thing) for thing in things]


def floats_die_with_the_value(n):
    values = [k * 0.5 for k in range(6)]
    for i in range(n):
        x = values[i % 6]
        values[: i % 6 + 1] = values[i % 6 :: -1]
        values[i % 6] = x + values[0] * 0.125
    return values


show(stored_twice, 2000)
show(stored_things_are_shared, 2000)
show(floats_die_with_the_value, 2000)
