"""Functions with traces, called by everybody who can call: instructions of all kinds, C functions, and each other."""

import functools
import inspect
import operator
import sys
import threading
import traceback
import weakref

LOG = []


class Mortal:
    """Says when it dies."""

    def __init__(self, name):
        self.name = name

    def __del__(self):
        LOG.append(self.name)


def told():
    said = " ".join(LOG)
    LOG.clear()
    return said


def holds(first, second):
    local = Mortal("local")
    number = len(first.name) + len(second.name) + len(local.name)
    number *= 3
    return number


def lets_go(first, second):
    size = len(first.name)
    first = None
    LOG.append("between")
    del second
    LOG.append("after")
    return size


def binds(a, b=2, *rest, c=3, **names):
    total = a * 1000 + b * 100 + c * 10 + len(rest)
    for name in sorted(names):
        total = total * 2 + len(name) + names[name]
    return total


def with_defaults(a, b=5, c=(1, 2)):
    total = a + b * 2
    total += len(c)
    return total


def closing(step):
    seen = []

    def inner(x, y=1):
        total = x * step + y
        total -= step // 2
        if total % 100 == 0:
            seen.append(total)
        return total

    return inner, seen


def raises(x, limit):
    y = x * 2 + 1
    y -= limit
    if x > limit:
        raise ValueError(f"{x} is beyond {limit}")
    return y


def looks(depth):
    frame = sys._getframe()
    here = frame.f_locals["depth"] * 2
    back = frame.f_back.f_code.co_name
    return here, back, frame.f_lineno


def caller_of_looks(n):
    return [looks(n + i) for i in range(2)]


def counts_references(x):
    y = sys.getrefcount(x)
    y += 0
    z = y * 1
    return z


class Thing:
    scale = 3

    def __init__(self, x, y=0):
        self.x = x
        self.y = y
        self.z = x * 2 + y

    def method(self, k):
        total = self.x * k + self.y
        total += self.scale
        return total

    @property
    def size(self):
        total = self.x * 2
        total += self.y
        return total

    @classmethod
    def made(cls, x):
        y = x + cls.scale
        y *= 2
        return cls(y)

    @staticmethod
    def plain(x, y):
        z = x * y
        z -= y
        return z

    def __getitem__(self, k):
        total = self.x + k
        total *= 2
        return total

    def __add__(self, other):
        total = self.x + other.x
        total += self.y
        return Thing(total, other.y)

    def __eq__(self, other):
        same = self.x == other.x
        near = abs(self.x - other.x) < 2
        return same or near

    def __lt__(self, other):
        mine = (self.x, self.y)
        others = (other.x, other.y)
        return mine < others

    def __hash__(self):
        number = self.x * 31
        number ^= self.y
        return number

    def __call__(self, k, *, by=1):
        total = self.x + k * by
        total -= self.y
        return total

    def __getattr__(self, name):
        size = len(name)
        size += 1
        return size

    def __len__(self):
        total = self.x % 7
        total += 1
        return total


def deep(n):
    if n <= 0:
        return 0
    return 1 + other_deep(n - 1)


def other_deep(n):
    if n <= 0:
        return 0
    return 1 + deep(n - 1)


def bottomless(n):
    return bottomless(n + 1) + 1


def round_of(k):
    print("finalizers", holds(Mortal("a"), Mortal("bb")), told())
    print("by name", holds(second=Mortal("bb"), first=Mortal("a")), told())
    print("from a tuple", holds(*(Mortal("a"), Mortal("bb"))), told())
    print("from a list", holds(*[Mortal("a"), Mortal("bb")]), told())
    print("rebound", lets_go(Mortal("a"), Mortal("bb")), told())
    kept = Mortal("kept")
    print("kept", lets_go(kept, Mortal("bb")), told())
    del kept
    print(told())
    print([binds(1), binds(1, 2, 3, 4), binds(k, c=4), binds(a=k, x=1, yy=2), binds(*range(k % 5 + 1), c=k)])
    print([with_defaults(k), with_defaults(k, 2), with_defaults(k, c=()), with_defaults(b=1, a=k)])
    inner, seen = closing(k % 7)
    print([inner(i) for i in range(5)], inner(3, y=2), list(map(inner, range(4))), seen)
    try:
        print(raises(k, 3), raises(2, limit=k))
    except ValueError as error:
        print([(entry.name, entry.line) for entry in traceback.extract_tb(error.__traceback__)], error)
    try:
        binds()
    except TypeError as error:
        print(error)
    try:
        with_defaults(1, 2, 3, 4)
    except TypeError as error:
        print(error)
    print(caller_of_looks(k))
    print(list(map(looks, [k])), inspect.stack()[0].function)
    print(counts_references(Mortal("r")), counts_references(object()), counts_references(LOG), told())
    thing = Thing(k, 2)
    print(thing.method(k), thing.size, Thing.made(k).x, Thing.plain(k, 3), thing[k], (thing + Thing(1, 4)).z)
    print(thing == Thing(k + 1), hash(thing), thing(k), thing(k, by=2), thing.missing, len(thing), bool(thing))
    print([item.x for item in sorted([Thing(5), Thing(k), Thing(3)])], max([1, 5, 3], key=thing.method))
    print(functools.reduce(Thing.plain, [1, 2, 3, k]), functools.partial(Thing.plain, k)(4))
    print(
        operator.add(thing, thing).x, operator.call(Thing.plain, k, 3), [operator.eq(thing, Thing(i)) for i in range(3)]
    )
    print(functools.partial(thing.method)(k), functools.partial(holds)(Mortal("a"), Mortal("bb")), told())
    print(list(filter(thing.method, range(3))), [*map(Thing.plain, [1, 2], [k, 4])])


def changes():
    def target(x):
        y = x + 1
        y *= 2
        return y

    def other(x):
        y = x - 1
        y *= 5
        return y

    def run(target):
        return [target(i) for i in range(3)] + list(map(target, range(3)))

    for _ in range(12):
        run(target)
    print(run(target))
    target.__code__ = other.__code__
    print(run(target))
    for _ in range(12):
        run(target)
    target.__defaults__ = (9,)
    print(run(target), target())
    for _ in range(12):
        run(target)
    print(run(target), target())
    known = weakref.ref(target)
    del target
    print(known() is None)


def watched():
    events = []
    monitoring = sys.monitoring

    def note(kind):
        def called(code, offset, *rest):
            what = getattr(rest[0], "__name__", None) if rest else None
            if code.co_name in ("round_of", "holds", "binds", "looks") or what in ("holds", "binds", "len"):
                events.append((kind, code.co_name, what))

        return called

    monitoring.use_tool_id(3, "another")
    kinds = monitoring.events
    wanted = {"call": kinds.CALL, "start": kinds.PY_START, "return": kinds.PY_RETURN}
    for kind, event in wanted.items():
        monitoring.register_callback(3, event, note(kind))
    monitoring.register_callback(3, kinds.C_RETURN, note("c return"))
    monitoring.set_events(3, kinds.CALL | kinds.PY_START | kinds.PY_RETURN)
    total = holds(Mortal("a"), Mortal("bb")) + binds(1, c=2) + len(list(map(looks, [1])))
    monitoring.set_events(3, 0)
    for event in wanted.values():
        monitoring.register_callback(3, event, None)
    monitoring.register_callback(3, kinds.C_RETURN, None)
    monitoring.free_tool_id(3)
    print(total, events, told())


def profiled():
    events = []

    def profile(frame, event, argument):
        if frame.f_code.co_name in ("holds", "binds", "method"):
            events.append((event, frame.f_code.co_name, frame.f_lineno))

    thing = Thing(2)
    sys.setprofile(profile)
    holds(Mortal("a"), Mortal("bb"))
    binds(3, 4)
    list(map(thing.method, range(2)))
    sys.setprofile(None)
    print(events, told())


def in_threads():
    results = []

    def work(k):
        thing = Thing(k)
        results.append(sum(thing.method(i) + binds(i, c=k) for i in range(300)))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(sorted(results))


def recursions():
    print(deep(300), other_deep(77))
    depth = 0
    try:
        bottomless(0)
    except RecursionError as error:
        entries = traceback.extract_tb(error.__traceback__)
        depth = len(entries)
        print(error, sorted({entry.name for entry in entries}))
    limit = sys.getrecursionlimit()
    print(abs(depth - limit) < 60)
    sys.setrecursionlimit(30_000)
    print(deep(20_000))
    sys.setrecursionlimit(limit)
    print(deep(200))


for k in range(14):
    round_of(k)
changes()
watched()
for k in range(3):
    round_of(k)
profiled()
in_threads()
recursions()
round_of(5)
for _ in range(3):
    print("from a mapping", holds(**{"first": Mortal("a"), "second": Mortal("bb")}), told())
    print("from both", holds(*[Mortal("a")], **{"second": Mortal("bb")}), told())
    print("rebound", lets_go(**{"first": Mortal("a"), "second": Mortal("bb")}), told())
    print("bound by others", binds(*[k, 2, 3], **{"c": 5, "name": 7}), told())
