"""Ends of objects: when, in what order, and what finalizers and callbacks of weak references see and do."""

import gc
import sys
import weakref

from common import show

N = 1200
LOG = []


def lines():
    """Where we are: names and lines of the callers."""
    frame = sys._getframe(2)
    seen = []
    while frame is not None and frame.f_code.co_name != "show":
        seen.append(f"{frame.f_code.co_name}+{frame.f_lineno - frame.f_code.co_firstlineno}")
        frame = frame.f_back
    return " ".join(seen)


class Ends:
    def __init__(self, name, then=None):
        self.name = name
        self.then = then

    def __del__(self):
        LOG.append((self.name, lines()))


class Quiet:
    pass


def summary():
    """The first entries, how many there were, and whether all were alike in their place."""
    first = LOG[:4]
    places = {}
    for name, where in LOG:
        kind = "".join(c for c in str(name) if not c.isdigit()), where
        places[kind] = places.get(kind, 0) + 1
    order = hash(tuple(map(str, LOG))) % 1000003
    LOG.clear()
    return first, list(places.items()), order


def overwrite(n):
    x = None
    for i in range(n):
        x = Ends(f"x{i}")
    x = None
    return summary()


def chain(n):
    """One's end is another one's."""
    for i in range(n):
        x = Ends("outer", Ends("inner", Ends("innermost")))
        x = i
    return x, summary()


def two_at_once(n):
    for i in range(n):
        a, b = Ends("a"), Ends("b")
        a, b = i, i
        c = d = Ends("c")
        c, d = 0, 0
    return a, b, c, d, summary()


def tuple_of_two(n):
    for i in range(n):
        t = (Ends("t0"), Ends("t1"), i)
        t = None
    return t, summary()


def list_items(n):
    xs = [None, None, None]
    for i in range(n):
        xs[i % 3] = Ends("item", Ends("within"))
        if i % 7 == 0:
            xs[:2] = [Ends("slice"), i]
        if i % 11 == 0:
            xs.pop()
            xs.append(Ends("new"))
    del xs
    return summary()


def dict_items(n):
    d = {}
    for i in range(n):
        d[i % 5] = Ends("value")
        d[Ends("key") if i % 100 == 0 else i % 3] = i
        d.pop(i % 4, None)
        if i % 50 == 49:
            d.clear()
    d = None
    return summary()


def attributes(n):
    q = Quiet()
    for i in range(n):
        q.a = Ends("a")
        q.b = (Ends("b"), q.a)
        if i % 3 == 0:
            del q.b
        if i % 17 == 0:
            q = Quiet()
    q = None
    return summary()


def helper(a, b):
    c = Ends("local")
    a = None
    return b


def arguments(n):
    total = 0
    for i in range(n):
        total += helper(Ends("first"), i)
        x = helper(i, Ends("second"))
        x = None
    return total, x, summary()


def returns(n):
    def make(i):
        keep = Ends("keep")
        return Ends("made")

    for i in range(n):
        make(i)
        x = make(i)
    x = None
    return summary()


def raises(n):
    def fail(i):
        keep = Ends("keep")
        raise ValueError(i)

    def middle(i):
        other = Ends("other")
        fail(i)

    for i in range(n):
        try:
            middle(i)
        except ValueError:
            LOG.append(("handler", "-"))
    return summary()


def raises_kept(n):
    """The traceback keeps the frames, and those keep their locals."""

    def fail(i):
        keep = Ends("keep")
        if i % 3 == 0:
            raise ValueError(i)

    kept = None
    for i in range(n):
        try:
            fail(i)
        except ValueError as error:
            kept = error
        LOG.append(("turn", "-"))
    kept = None
    return summary()


def finalizer_changes_local(n):
    class Changes:
        def __del__(self):
            sys._getframe(1).f_locals["x"] = 100

    total = 0
    x = 1
    for i in range(n):
        e = Changes() if i % 9 == 0 else None
        x = 1
        e = None
        total += x
    return total


def finalizer_changes_new_value(n):
    """The end of what a local held before changes what it holds now."""

    class Changes:
        def __del__(self):
            frame = sys._getframe(1)
            seen.append(type(frame.f_locals["x"]).__name__)
            frame.f_locals["x"] = 100

    seen = []
    total = 0
    for i in range(n):
        x = Changes() if i % 9 == 0 else 0
        x = i
        total += x
    return total, len(seen), set(seen)


def change_in_call(n):
    class Changes:
        def __del__(self):
            frame = sys._getframe(1)
            frame.f_locals["x"] = 100
            frame.f_back.f_locals["y"] = 7

    def work(i):
        x = Changes() if i % 9 == 0 else 0
        x = i
        return x

    total = 0
    y = 1
    for i in range(n):
        total += work(i) + y
        y = 1
    return total


def resurrected(n):
    kept = []

    class Returns:
        def __init__(self, i):
            self.i = i

        def __del__(self):
            kept.append(self)

    for i in range(n):
        x = Returns(i)
        x = i
        if len(kept) > 10:
            kept.pop(0)
    return x, len(kept), kept[-1].i


def resurrected_in_call(n):
    kept = {}

    class Returns:
        def __del__(self):
            kept[len(kept) % 10] = self

    def work(i):
        x = Returns()
        y = [x, (x, i)]
        return len(y)

    total = 0
    for i in range(n):
        total += work(i)
    return total, len(kept)


def finalizer_raises(n):
    seen = []
    before = sys.unraisablehook
    sys.unraisablehook = lambda hook: seen.append((type(hook.exc_value).__name__, hook.exc_traceback.tb_lineno))

    class Fails:
        def __del__(self):
            raise KeyError("in finalizer")

    def work(i):
        x = Fails()
        return i

    total = 0
    try:
        for i in range(n):
            total += work(i)
            x = Fails()
            x = i
    finally:
        sys.unraisablehook = before
    return total, x, len(seen), sorted(set(seen))


def finalizer_with_exception_set(n):
    """An end while an exception is on its way."""

    class Looks:
        def __del__(self):
            LOG.append((type(sys.exception()).__name__, lines()))
            try:
                raise KeyError
            except KeyError:
                pass

    def fail(i):
        x = Looks()
        y = 1 // (i % 2)
        return y

    total = 0
    for i in range(n):
        try:
            total += fail(i)
        except ZeroDivisionError as error:
            total += len(error.args)
    return total, summary()


def weak_callbacks(n):
    def gone(ref):
        LOG.append(("gone", lines()))

    refs = []
    for i in range(n):
        q = Quiet()
        refs.append(weakref.ref(q, gone))
        q = i
        if len(refs) > 20:
            del refs[:10]
    return q, sum(r() is None for r in refs), summary()


def weak_callback_drops(n):
    """A callback that lets go of more, and changes a local."""

    def gone(ref):
        held.clear()
        sys._getframe(1).f_locals["y"] = 1

    held = []
    total = 0
    y = 0
    for i in range(n):
        q = Quiet()
        held.append((Ends("held"), weakref.ref(q, gone)))
        r = weakref.ref(q, gone)
        q = None
        total += y
        y = 0
    return total, r() is None, summary()


def weak_in_call(n):
    def gone(ref):
        LOG.append(("gone", lines()))

    def work(i):
        q = Quiet()
        refs[i % 5] = weakref.ref(q, gone)
        q.me = i
        return q.me

    refs = [None] * 5
    total = 0
    for i in range(n):
        total += work(i)
    return total, summary()


def weak_values(n):
    d = weakref.WeakValueDictionary()
    s = weakref.WeakSet()
    lengths = set()
    for i in range(n):
        q = Quiet()
        d[i % 7] = q
        s.add(q)
        lengths.add((len(d), len(s)))
        q = None
        lengths.add((len(d), len(s)))
    return sorted(lengths)


def weak_proxies(n):
    total = errors = 0
    for i in range(n):
        q = Quiet()
        q.value = i
        p = weakref.proxy(q)
        total += p.value
        if i % 3 == 0:
            q = None
        try:
            total += p.value
        except ReferenceError:
            errors += 1
    return total, errors


def finalize(n):
    total = 0
    for i in range(n // 4):
        q = Quiet()
        f = weakref.finalize(q, LOG.append, ("finalize", "-"))
        total += f.alive
        q = None
        total += f.alive
    return total, summary()


def cycles(n):
    gc.collect()
    gc.disable()
    count = 0
    for i in range(n):
        q, e = Quiet(), Ends("cycle")
        q.e, e.q = e, q
        q = e = None
        if i % 200 == 199:
            count += gc.collect()
    gc.enable()
    return count, summary()


def collect_in_call(n):
    gc.collect()
    gc.disable()

    def work(i):
        e = Ends("cycle")
        e.me = e
        keep = [i]
        keep.append(keep)
        e = None
        if i % 100 == 50:
            gc.collect()
        return len(keep)

    total = 0
    for i in range(n):
        total += work(i)
    gc.enable()
    gc.collect()
    return total, summary()


def callbacks(n):
    def callback(phase, info):
        LOG.append((phase, lines()))
        if phase == "stop":
            sys._getframe(1).f_locals["y"] = 50

    class Collects:
        def __add__(self, other):
            if other % 100 == 0:
                gc.collect()
            return other

    gc.collect()
    gc.disable()
    gc.callbacks.append(callback)
    c = Collects()
    total = 0
    y = 0

    def work(i):
        y = c + i
        return y

    try:
        for i in range(n):
            total += c + i
            total += work(i)
            if i % 150 == 3:
                gc.collect()
            total += y
            y = 0
    finally:
        gc.callbacks.remove(callback)
        gc.enable()
    return total, summary()


def automatic(n):
    """The collector runs by itself, when the interpreter asks for it."""
    threshold = gc.get_threshold()
    gc.set_threshold(50, 2, 2)
    count = 0

    class Counts:
        def __del__(self):
            nonlocal count
            count += 1

    def work(i):
        a, b = Counts(), []
        a.b = b
        b.append(a)
        return i

    total = 0
    for i in range(n * 2):
        total += work(i)
    gc.set_threshold(*threshold)
    gc.collect()
    return total, count


def collect_in_generator(n):
    """The entry frame is a generator's, and the collector walks over it."""

    def numbers(k):
        kept = [Ends("kept")]
        kept.append(kept)
        total = 0
        for i in range(k):
            total += c + i
            if i % 400 == 399:
                yield total
        kept = None

    class Collects:
        def __add__(self, other):
            if other % 100 == 0:
                gc.collect()
            return other

    c = Collects()
    g = numbers(n)
    out = list(g)
    holder = {"g": numbers(n)}
    out.append(next(holder["g"]))
    holder["g"].throw if False else None
    holder["g"].close()
    gc.collect()
    return out, summary()


def generator_dropped(n):
    """The generator's own end is within a call that its loop makes."""

    def numbers(k):
        try:
            total = 0
            for i in range(k):
                total += c + i
                yield total
        finally:
            LOG.append(("closed", lines()))

    class Drops:
        def __add__(self, other):
            if other == 700:
                holder.clear()
            return other

    c = Drops()
    holder = [numbers(n)]
    total = 0
    for x in holder[0]:
        total += x
    holder.append(numbers(3))
    next(holder[0])
    holder.clear()
    return total, summary()


def referrers(n):
    """What the collector says refers to an object that a trace works with."""

    class Counts:
        def __init__(self):
            self.counts = set()

        def __add__(self, other):
            if other % 100 == 0:
                self.counts.add((sys.getrefcount(self), sys.getrefcount(other)))
            return other

    def work(c, big):
        y = c + big
        z = y
        return z

    c = Counts()
    total = 0
    for i in range(0, n * 1000, 1000):
        total += work(c, i)
        total += c + i
    return total, sorted(c.counts)


def callee(e, *rest, k=None):
    """What a caller gives away can die here; what keeps it from being inlined is its `try`, or a name of its own."""
    e = None
    LOG.append(("in callee", "-"))
    k = None
    try:
        return len(rest)
    finally:
        pass


def numbers_of(e):
    e = None
    LOG.append(("in generator", "-"))
    yield 1


async def awaited(e):
    e = None


def recursive(e, n):
    e = None
    return recursive(Ends("recursive"), n - 1) if n else 0


class Iterates:
    def __iter__(self):
        return iter([Ends("iterated")])


class Methods:
    def method(self, e):
        e = None
        LOG.append(("in method", "-"))
        try:
            return 1
        except ValueError:
            return 2

    def counts(self, e):
        try:
            return sys.getrefcount(self), sys.getrefcount(e)
        finally:
            pass


def given_away(n):
    m = Methods()
    counts = set()
    total = 0
    for i in range(n):
        total += callee(Ends("positional"))
        total += callee(Ends("positional"), Ends("rest"), k=Ends("keyword"))
        total += callee(k=Ends("keyword"), e=Ends("by name"))
        total += callee(*[Ends("star"), Ends("star")], **{"k": Ends("two stars")})
        total += callee(*(Ends("tuple"),), k=Ends("and name"))
        total += m.method(*(Ends("starred method"),))
        total += callee(*Iterates())
        total += m.method(Ends("method"))
        bound = m.method
        total += bound(Ends("bound"))
        total += Methods.method(m, Ends("class"))
        for x in numbers_of(Ends("generator")):
            total += x
        awaited(Ends("coroutine")).close()
        recursive(Ends("first"), 12)
        counts.add(m.counts([i]))
        bound = m.counts
        counts.add(bound([i]))
        for arguments in ((), (Ends("too many"), Ends("too many"), Ends("too many"))):
            try:
                m.method(*arguments)
            except TypeError as error:
                LOG.append((str(error), "-"))
        try:
            callee(Ends("before"), **{1: Ends("no name")})
        except TypeError as error:
            LOG.append((str(error), "-"))
        try:
            callee(*i)
        except TypeError as error:
            LOG.append((str(error), "-"))
    return total, sorted(counts), summary()


def blocks(n):
    """Nothing is lost or kept."""

    def work(i):
        e = Ends("e", (i, [i]))
        f = Quiet()
        f.e, f.i = e, i * 1000
        g = (e, f, str(i))
        e = f = None
        return g[1].i

    def run():
        total = 0
        for i in range(n):
            total += work(i)
            LOG.clear()
        return total

    total = run()
    run()
    before = sys.getallocatedblocks()
    run()
    after = sys.getallocatedblocks()
    return total, abs(after - before) < 50


for function in (
    overwrite,
    chain,
    two_at_once,
    tuple_of_two,
    list_items,
    dict_items,
    attributes,
    arguments,
    returns,
    raises,
    raises_kept,
    finalizer_changes_local,
    finalizer_changes_new_value,
    change_in_call,
    resurrected,
    resurrected_in_call,
    finalizer_raises,
    finalizer_with_exception_set,
    weak_callbacks,
    weak_callback_drops,
    weak_in_call,
    weak_values,
    weak_proxies,
    finalize,
    cycles,
    collect_in_call,
    callbacks,
    automatic,
    collect_in_generator,
    generator_dropped,
    referrers,
    given_away,
    blocks,
):
    show(function, N)
    LOG.clear()
