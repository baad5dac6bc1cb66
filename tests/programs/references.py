"""Reference counts, finalizers, allocated blocks: nothing leaks, nothing dies early or late."""

import gc
import sys
import weakref

from common import show


class Thing:
    def __init__(self, value=0):
        self.value = value

    def get(self):
        return self.value


class Loud:
    def __init__(self, name, log):
        self.name = name
        self.log = log

    def __del__(self):
        self.log.append(self.name)


def counts(objects):
    return [sys.getrefcount(thing) for thing in objects]


def exact(function, *arguments):
    """The same reference counts of all arguments before and after, and no blocks lost."""
    objects = list(arguments) + [item for a in arguments if isinstance(a, (list, tuple)) for item in a]
    before = counts(objects)
    for _ in range(3):
        function(*arguments)
    after = counts(objects)
    print(function.__name__, "counts", "same" if before == after else (before, after))
    blocks = []
    for _ in range(8):
        function(*arguments)
        gc.collect()
        blocks.append(sys.getallocatedblocks())
    growth = blocks[-1] - blocks[2]
    print(function.__name__, "blocks", "stable" if growth < 40 else f"grow by {growth}: {blocks}")


def reads_items(values):
    total = 0
    for i in range(1500):
        x = values[i % len(values)]
        total += x.value
    return total


def iterates(values):
    total = 0
    for _ in range(300):
        for x in values:
            total += x.value
    return total


def keeps_last(values):
    kept = None
    for i in range(1500):
        kept = values[i % len(values)]
    return kept


def swaps(values):
    for i in range(1500):
        j = i % (len(values) - 1)
        values[j], values[j + 1] = values[j + 1], values[j]


def passes(thing):
    total = 0
    for _ in range(1500):
        total += method(thing)
    return total


def method(thing):
    other = thing
    return other.get()


def packs(thing):
    t = None
    for _ in range(1500):
        t = (thing, thing)
        a, b = t
        a, b = b, a
    return len(t)


def raises(thing):
    try:
        for i in range(1500, -1, -1):
            x = thing
            method(x)
            1 // i  # noqa: B018
    except ZeroDivisionError:
        pass


def raises_inlined(thing):
    caught = 0
    for i in range(1500):
        try:
            fails(thing, i % 3)
        except ZeroDivisionError:
            caught += 1
    return caught


def fails(thing, x):
    y = thing
    return 1 // x + y.value


def overflows(values):
    total = 0
    for i in range(1500):
        total += values[i % 2] * 12345
    return total


def big_items(values):
    for i in range(1500):
        values[i % 2] = (values[i % 2] * 3 + i) % 2**90
    values[0] = values[1] = 2**80


def float_items(values):
    for i in range(1500):
        values[i % 3] = values[i % 3] * 0.5 + i
    for k in range(3):
        values[k] = 1.25


def put(values, i, value):
    values[i] = value * 0.5
    return 1.0


def stores_in_a_call(values):
    """An item lies on the stack, borrowed, while a call stores into a list whose items others hold."""
    targets = [values[1]] * 1500
    total = 0.0
    for i in range(1500):
        total = total + (values[0] + put(targets, i, total))
    return total


def attribute_writes(thing):
    for i in range(1500):
        thing.value = i * 0.5
    thing.value = 0
    for i in range(1500):
        thing.value = thing.value + 2**61
    thing.value = None


def writes_none(values):
    for i in range(1500):
        values[i % 3] = None if i % 2 else True
    values[0] = values[1] = values[2] = 7.5


def closes_over(thing):
    count = 0

    def bump():
        nonlocal count
        count += 1
        return thing

    for _ in range(1500):
        bump()
    return count


def recursive(thing, n=14):
    if n < 2:
        return thing.value
    return recursive(thing, n - 1) + recursive(thing, n - 2)


def breaks(values):
    for _ in range(400):
        for x in values:
            if x.value == 2:
                break


def tuples_kept(thing):
    kept = []
    for i in range(1500):
        kept.append((i, thing, i * 0.5))
    return len(kept)


def constants(_):
    x = 0.0
    big = 10**30
    for i in range(1500):
        x += 1.5
        if big > 5 and i != 10**25:
            x -= 0.5
    return x


def getrefcount_in_loop(n):
    seen = set()
    thing = Thing()
    for _ in range(n):
        other = thing
        seen.add(sys.getrefcount(thing))
        other = None
        seen.add(sys.getrefcount(thing))
    return sorted(seen), other


def getrefcount_of_arguments(n):
    def look(x):
        return sys.getrefcount(x)

    seen = set()
    thing = Thing()
    pair = (thing, thing)
    for i in range(n):
        seen.add(look(thing))
        seen.add(look(pair[i % 2]))
    return sorted(seen)


def finalizer_order(n):
    log = []
    x = None
    for i in range(n):
        if i % 500 == 0:
            log.append(("before", i))
            x = Loud(i, log)
            log.append(("after", i))
    log.append("end")
    x = None
    log.append("done")
    return log, x


def finalizer_on_overwrite(n):
    log = []
    values = [Loud("first", log), Loud("second", log)]
    x = values[0]
    for i in range(n):
        if i == 700:
            values[0] = i
            log.append("list let go")
        if i == 900:
            x = i
            log.append("local let go")
        values[1] = values[1]
    return log, x


def finalizer_in_callee(n):
    log = []

    def hold(i):
        thing = Loud(i, log) if i % 700 == 0 else None
        log.append(("held", i)) if i % 700 == 0 else None
        return thing is None

    total = 0
    for i in range(n):
        total += hold(i)
    return total, log


def finalizer_changes_local_of_loop(n):
    """A finalizer that runs in the middle of an assignment sees the new state."""
    values = [0] * 3
    seen = []

    class Watcher:
        def __del__(self):
            seen.append(list(values))
            values[1] = 50

    values[0] = Watcher()
    total = 0
    for i in range(n):
        if i >= 800:
            values[0] = i
        total += values[1]
    return total, seen


def finalizer_raises(n):
    reports = []

    class Bad:
        def __del__(self):
            raise ValueError("in finalizer")

    hook = sys.unraisablehook
    sys.unraisablehook = lambda report: reports.append(str(report.exc_value))
    x = Bad()
    for i in range(n):
        x = i
    sys.unraisablehook = hook
    return x, reports


def weak_references(n):
    log = []
    thing = Thing(5)
    reference = weakref.ref(thing, lambda _: log.append("dead"))
    total = 0
    for i in range(n):
        total += 0 if reference() is None else 1
        if i == n // 2:
            thing = None
    return total, log, thing


def weak_items(n):
    values = [Thing(k) for k in range(5)]
    references = [weakref.ref(value) for value in values]
    dead = 0
    for i in range(n):
        if i % 400 == 399:
            values[i % 5] = None
        for reference in references:
            if reference() is None:
                dead += 1
    return dead


def iterator_kept(n):
    values = list(range(n))
    iterator = iter(values)
    total = 0
    for x in iterator:
        total += x
        if x == n // 2:
            break
    rest = list(iterator)
    return total, len(rest), iterator.__length_hint__()


def range_iterator_kept(n):
    iterator = iter(range(n))
    total = 0
    for x in iterator:
        total += x
        if x == n // 2:
            break
    return total, next(iterator), iterator.__length_hint__(), iterator.__reduce__()[1]


def shared_iterator(n):
    iterator = iter(range(n))
    pairs = 0
    for x in iterator:
        y = next(iterator, None)
        if y is None or y == x + 1:
            pairs += 1
    return pairs


def two_loops_take_turns(n):
    """The inner loop is left after one item each time, and goes on where it stopped."""
    values = list(range(n))
    results = []
    for other in (iter(values), iter(tuple(values)), iter(range(n)), iter(range(1, 2 * n, 2))):
        total = 0
        for x in values:
            for y in other:
                break
            total = total + x * y
        results.append((total, y, next(other, None)))
    shared = iter(values)
    for x in shared:
        for y in shared:
            break
        if x % 500 == 0:
            results.append(y - x)
    return results, x, y


def first_of(iterator):
    for x in iterator:
        return x
    return -1


def asks_again(n):
    """An iterator that was exhausted in a trace is asked again, and looked at."""
    values = list(range(n))
    results = []
    for more in 0, 1, 2, 60, 300:
        for other in (iter(values), iter(tuple(values)), iter(range(n))):
            total = 0
            for i in range(n + more):
                total = total + first_of(other) * i
            state = other.__reduce__()[1:] == ((values,), n)
            results.append((total, next(other, None), other.__length_hint__(), state))
    return results


def float_identity(n):
    """A float that somebody else holds must not change under them."""
    values = [0.5] * 3
    held = []
    for i in range(n):
        values[i % 3] = values[i % 3] + 1.0
        if i % 300 == 0:
            held.append(values[i % 3])
    return held, values


def attribute_float_identity(n):
    thing = Thing(0.0)
    held = []
    for i in range(n):
        thing.value = thing.value + 0.25
        if i % 300 == 0:
            held.append(thing.value)
    last = thing.value
    thing.value = -1.0
    return held, last


def local_float_identity(n):
    x = 0.5
    held = []
    for i in range(n):
        y = x
        x = x + 1.0
        if i % 300 == 0:
            held.append(y)
            held.append(x)
    return held


def cell_float_identity(n):
    x = 0.0
    held = []

    def bump():
        nonlocal x
        x = x + 0.5
        return x

    for i in range(n):
        y = bump()
        if i % 300 == 0:
            held.append(y)
    return held, x


def slices_of(things):
    taken = None
    for i in range(700):
        taken = things[i % 3 :]
        things[: i % 3 + 1] = things[i % 3 :: -1]
        things[1:] = things[1:]
    return taken


def appended_and_popped(things):
    kept = None
    for i in range(700):
        things.append(things[i % 2])
        things.insert(i % 4, (i, things[0], i * 0.5))
        kept = things.pop(i % 4)
        things.pop()
    return kept


def bound_methods(things):
    insert, pop = things.insert, things.pop
    for i in range(700):
        insert(i % 3, pop(0))


def tuples_carried(thing):
    kept = (thing, 0)
    other = None
    for i in range(700):
        kept = (kept[0], i, (thing, i * 0.5, i > 3))
        other = kept, kept[2]
    return other


def pop_fails(things):
    things = things[:]
    try:
        for i in range(700):
            things.append((i, things[0]))
            if i == 650:
                things[:] = ()
            things.pop(-2)
    except IndexError:
        pass


def store_fails(things):
    try:
        for i in range(700):
            things[0:1] = [things[0]] if i < 650 else thing_that_is_no_sequence
    except TypeError:
        pass


thing_that_is_no_sequence = Thing()


def one_tuple_in_many_places(things):
    """A tuple that exists only in the trace stands twice in another one when its items get references."""
    others = [1, 2]
    kept = None
    for i in range(1500):
        kept = (i, things[i % 3], kept if i % 50 else None)
        kept = (i, kept, kept if i % 50 else None)
        others = others[:]
        if i % 20 == 0:
            kept = None
            others = [1, 2.5, things[0]]


def one_pair_in_two_locals(things):
    others = [1, 2]
    first = second = None
    for i in range(1500):
        first = second = (things[i % 3], i * 0.5)
        others = others[:]
        if i % 20 == 0:
            first = second = None
            others = [1, 2.5, things[0]]
    return first, second


def item_of(pair):
    return pair[0]


def returns_items(thing):
    """The result lies in a tuple that dies with the call."""
    last = None
    for i in range(700):
        box = [(thing, i)]
        last = item_of(box.pop())
        pair = box
    return last, pair


def item_of_last(holder):
    other = holder.value
    holder = None
    return other[0]


def returns_items_of_attributes(thing):
    holder = Thing((thing, 0))
    last = None
    for i in range(700):
        last = item_of_last(holder)
        if i % 2:
            holder = Thing((thing, i))
        if i % 100 == 0:
            last = None


def two_stores(things, i):
    a, b = things[0], things[1]
    a, b = (b, a), things[i % 3]
    b, a = a, a[0]
    a, b = b[1], things[2]
    return a, b


def stores_two(things):
    a = b = None
    for i in range(700):
        a, b = two_stores(things, i)
        a, b = (a, i), (b, a)
        a, b = b, things[i % 3]
        if i % 100 == 0:
            a, b = things[0], (a, (b, b))


def stores_tuples(things):
    for i in range(700):
        things[1:1] = (things[i % 2], (things[0], things[2]))
        del_from(things)


def del_from(things):
    things.pop(1)
    things.pop(1)


for _ in range(2):
    exact(reads_items, [Thing(k) for k in range(3)])
    exact(iterates, [Thing(k) for k in range(3)])
    exact(iterates, tuple(Thing(k) for k in range(3)))
    exact(keeps_last, [Thing(k) for k in range(3)])
    exact(swaps, [Thing(k) for k in range(3)])
    exact(breaks, [Thing(k) for k in range(4)])
    exact(passes, Thing(1))
    exact(packs, Thing(1))
    exact(raises, Thing(1))
    exact(raises_inlined, Thing(1))
    exact(overflows, [2**62, 2**80])
    exact(big_items, [2**80, 2**80])
    exact(float_items, [1.25] * 3)
    exact(stores_in_a_call, [1.25, 2.5])
    exact(attribute_writes, Thing(None))
    exact(writes_none, [7.5] * 3)
    exact(closes_over, Thing(1))
    exact(recursive, Thing(1))
    exact(tuples_kept, Thing(1))
    exact(constants, None)
    exact(slices_of, [Thing(k) for k in range(4)])
    exact(slices_of, [2.5, 1.25, 2**70, "word"])
    exact(appended_and_popped, [Thing(k) for k in range(4)])
    exact(bound_methods, [Thing(k) for k in range(4)])
    exact(tuples_carried, Thing(1))
    exact(pop_fails, [Thing(k) for k in range(4)])
    exact(store_fails, [Thing(k) for k in range(4)])
    exact(one_tuple_in_many_places, [Thing(k) for k in range(4)])
    exact(one_pair_in_two_locals, [Thing(k) for k in range(4)])
    exact(returns_items, Thing(1))
    exact(returns_items_of_attributes, Thing(1))
    exact(stores_two, [Thing(k) for k in range(4)])
    exact(stores_tuples, [Thing(k) for k in range(4)])
for function in (getrefcount_in_loop, getrefcount_of_arguments, finalizer_order, finalizer_on_overwrite):
    show(function, 2000)
for function in (finalizer_in_callee, finalizer_changes_local_of_loop, finalizer_raises, weak_references, weak_items):
    show(function, 2000)
for function in (iterator_kept, range_iterator_kept, shared_iterator, float_identity, attribute_float_identity):
    show(function, 2000)
show(two_loops_take_turns, 2000)
show(asks_again, 2000)
for function in (local_float_identity, cell_float_identity):
    show(function, 2000)
