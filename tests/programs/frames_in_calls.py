"""Frames as Python code sees them that a trace calls: in functions, operators, finalizers, keys; read, written,
kept.
"""

import inspect
import logging
import sys
import traceback
import warnings

from common import show

N = 1500


def stack(depth=1, limit=6):
    """Names, lines and instructions of the frames above."""
    frame = sys._getframe(depth)
    seen = []
    while frame is not None and len(seen) < limit and frame.f_code.co_name != "show":
        seen.append((frame.f_code.co_name, frame.f_lineno - frame.f_code.co_firstlineno, frame.f_lasti))
        frame = frame.f_back
    return tuple(seen)


class Log:
    """Different answers only, each with how often it came."""

    def __init__(self):
        self.seen = {}

    def add(self, what):
        self.seen[what] = self.seen.get(what, 0) + 1

    def result(self):
        return list(self.seen.items())


LOG = Log()


class Number:
    """Operators that look around."""

    def __init__(self, value):
        self.value = value

    def __add__(self, other):
        LOG.add(("add", stack(2)))
        return Number(self.value + getattr(other, "value", other))

    def __radd__(self, other):
        LOG.add(("radd", stack(2)))
        return other + self.value

    def __iadd__(self, other):
        LOG.add(("iadd", stack(2)))
        self.value += 1
        return self

    def __eq__(self, other):
        LOG.add(("eq", stack(2)))
        return self.value == getattr(other, "value", other)

    def __lt__(self, other):
        LOG.add(("lt", stack(2)))
        return self.value < getattr(other, "value", other)

    def __hash__(self):
        LOG.add(("hash", stack(2)))
        return hash(self.value)

    def __bool__(self):
        LOG.add(("bool", stack(2)))
        return self.value % 3 != 0

    def __neg__(self):
        LOG.add(("neg", stack(2)))
        return -self.value

    def __index__(self):
        LOG.add(("index", stack(2)))
        return self.value % 4

    def __len__(self):
        LOG.add(("len", stack(2)))
        return 3

    def __getitem__(self, index):
        LOG.add(("getitem", stack(2)))
        if index >= 3:
            raise IndexError(index)
        return index

    def __setitem__(self, index, value):
        LOG.add(("setitem", stack(2)))

    def __contains__(self, item):
        LOG.add(("contains", stack(2)))
        return item == 1

    def __call__(self, *args, **kwargs):
        LOG.add(("call", stack(2)))
        return len(args) + len(kwargs)

    def __getattr__(self, name):
        LOG.add(("getattr", name, stack(2)))
        if name == "missing":
            raise AttributeError(name)
        return 5

    @property
    def looked(self):
        LOG.add(("property", stack(2)))
        return self.value

    @looked.setter
    def looked(self, value):
        LOG.add(("setter", stack(2)))

    def __iter__(self):
        LOG.add(("iter", stack(2)))
        return Steps(3)

    def __enter__(self):
        LOG.add(("enter", stack(2)))
        return self

    def __exit__(self, *args):
        LOG.add(("exit", stack(2)))
        return True


class Steps:
    def __init__(self, left):
        self.left = left

    def __iter__(self):
        return self

    def __next__(self):
        LOG.add(("next", stack(2)))
        self.left -= 1
        if self.left < 0:
            raise StopIteration
        return self.left


class Ends:
    def __init__(self, log=True):
        self.log = log

    def __del__(self):
        if self.log:
            LOG.add(("del", stack(2)))


def fresh():
    LOG.seen = {}


def operators_here(n):
    fresh()
    x = Number(1)
    total = 0
    for i in range(n):
        y = x + i
        total += y.value
        total = total + (i + x)
        if x == i:
            total += 1
        if x < i:
            total += 1
        if x:
            total += -x
        total += [1, 2, 3, 4][x]
    return total, LOG.result()


def containers_here(n):
    fresh()
    x = Number(1)
    total = 0
    for i in range(n):
        total += x[i & 1]
        x[i & 1] = total
        if i in x:
            total += 1
        total += x(i, 2) + x(i, key=3)
        total += x.other
        total += x.looked
        x.looked = i
    return total, LOG.result()


def iterations_here(n):
    fresh()
    x = Number(1)
    total = 0
    for i in range(n):
        for item in x:
            total += item
        a, b, c = x
        total += a + b + c
    return total, LOG.result()


def use_number(x, i):
    y = x + i
    z = y.value
    if x == i:
        z += 1
    return z + x.looked


def deeper(x, i):
    scale = i & 3
    return use_number(x, i) + scale


def operators_in_calls(n):
    fresh()
    x = Number(1)
    total = 0
    for i in range(n):
        total += deeper(x, i)
    return total, LOG.result()


def drop_here(n):
    fresh()
    e = None
    for i in range(n):
        e = Ends()
        f = (e, i)
        e = None
        f = None
    return e, f, LOG.result()


def drop_it(i):
    e = Ends()
    e = i
    return e


def drop_in_calls(n):
    fresh()
    total = 0
    for i in range(n):
        total += drop_it(i)
    return total, LOG.result()


def leave_with(i):
    e = Ends()
    f = [e]
    return i + len(f)


def drop_at_return(n):
    fresh()
    total = 0
    for i in range(n):
        total += leave_with(i)
    return total, LOG.result()


def argument_dies(e):
    return 1


def drop_arguments(n):
    fresh()
    total = 0
    for _ in range(n):
        total += argument_dies(Ends())
        total += len([Ends(), Ends()])
    return total, LOG.result()


def overwritten(n):
    fresh()
    xs = [Ends(), Ends()]
    d = {"k": Ends()}
    for i in range(n):
        xs[i & 1] = Ends()
        d["k"] = Ends()
    xs = d = None
    return LOG.result()


class Written:
    """An operator that changes the locals of its callers."""

    def __init__(self, name, value, depth=1, every=7):
        self.name, self.value, self.depth, self.every = name, value, depth, every
        self.count = 0

    def __add__(self, other):
        self.count += 1
        if self.count % self.every == 0:
            sys._getframe(self.depth).f_locals[self.name] = self.value
        return other


def written_here(n, value):
    w = Written("x", value)
    x = 1
    xs = []
    for i in range(n):
        try:
            y = w + i
            x = x + y
        except TypeError:
            xs.append((i, type(x).__name__))
            x = 0
    return x, xs[:5], len(xs)


def add_to(w, i, x):
    y = w + i
    return x + y


def written_in_call(n, value):
    w = Written("x", value)
    total = 0
    for i in range(n):
        try:
            total += add_to(w, i, 1)
        except TypeError:
            total += 3
    return total


def written_below(n, value):
    w = Written("x", value, 2)
    x = 1
    out = []
    for i in range(n):
        x = add_to(w, i, 1)
        if type(x) is not int:
            out.append(i)
    return x, out[:4]


def written_outer(n, value):
    """The loop's own variable, by the inlined function's callee."""
    w = Written("total", value, 2, 5)
    total = 0
    for i in range(n):
        y = add_to(w, i, 1)
        total = total if isinstance(total, int) else 0
        total += y
    return total


def write_iterator(n):
    def change(i):
        frame = sys._getframe(1)
        if i % 11 == 3:
            frame.f_locals["i"] = -i
        return 0

    total = 0
    for i in range(n):
        change(i)
        total += i
    return total


def write_cell(n):
    seen = 0

    def inner():
        return seen

    def change(i):
        if i % 13 == 0:
            sys._getframe(1).f_locals["seen"] = i

    for i in range(n):
        change(i)
        seen += inner()
        seen %= 1000003
    return seen


def extra_local(n):
    """A name that the function does not have."""

    def put(i):
        sys._getframe(1).f_locals["extra"] = i

    total = 0
    for i in range(n):
        put(i)
        total += locals()["extra"]
    return total


KEPT = []


class Keeper:
    def __add__(self, other):
        if other % 97 == 0:
            KEPT.append(sys._getframe(1))
        return other


def keeping(k, i):
    local = i * 2
    result = k + i
    local += 1
    return result + local


def frames_kept(n):
    """Frames of calls that are over keep what their locals were at the end."""
    KEPT.clear()
    k = Keeper()
    total = 0
    for i in range(n):
        total += keeping(k, i)
    seen = [
        (f.f_code.co_name, f.f_locals["local"], f.f_locals["i"], f.f_lineno - f.f_code.co_firstlineno) for f in KEPT
    ]
    backs = [f.f_back is None for f in KEPT]
    KEPT.clear()
    return total, seen, backs


def frames_kept_here(n):
    """The loop's own frame is held: it stays the same object."""
    k = Keeper()
    KEPT.clear()
    total = 0
    for i in range(n):
        total += k + i
    here = sys._getframe()
    same = all(f is here for f in KEPT)
    KEPT.clear()
    return total, same


def frames_cleared(n):
    """A frame that was kept is cleared while others run."""
    KEPT.clear()
    k = Keeper()
    total = 0
    errors = []
    for i in range(n):
        total += keeping(k, i)
        while KEPT:
            frame = KEPT.pop()
            frame.clear()
            errors.append(len(frame.f_locals))
    return total, errors


def clear_running(n):
    class Clears:
        def __add__(self, other):
            if other % 50 == 0:
                try:
                    sys._getframe(1).clear()
                except RuntimeError as error:
                    LOG.add(str(error))
            return other

    fresh()
    c = Clears()
    total = 0
    for i in range(n):
        total += use_plain(c, i)
    return total, LOG.result()


def use_plain(c, i):
    return c + i


def locals_of_caller(n):
    def peek():
        frame = sys._getframe(1)
        return sum(value for value in frame.f_locals.values() if type(value) is int)

    def middle(a, b):
        c = a * b
        d = c - 1
        return peek() + d

    total = 0
    for i in range(n):
        total = (total + middle(i, 3) + peek()) % 1_000_003
    return total


def locals_called(n):
    total = 0
    for i in range(n):
        x = i * 2
        total += len(locals()) + locals()["x"]
    return total


def inspected(n):
    def who():
        frame = inspect.currentframe()
        info = inspect.getframeinfo(frame.f_back, context=1)
        return info.function, info.lineno, info.positions, tuple(info.code_context)

    def middle():
        return who()

    seen = set()
    for i in range(n):
        seen.add(middle() if i % 2 else who())
    return sorted(map(str, seen))


def inspect_stack(n):
    def who():
        return tuple((f.function, f.lineno, f.positions.col_offset) for f in inspect.stack(0)[1:4])

    def middle(i):
        if i & 1:
            return who()
        return who()

    seen = set()
    for i in range(min(n, 200)):
        seen.add(middle(i))
    return sorted(map(str, seen))


def extract_stack(n):
    def who():
        return tuple(str(f) for f in traceback.extract_stack(limit=3))

    def middle(i):
        return who()

    seen = set()
    for i in range(min(n, 300)):
        seen.add(middle(i))
    return [line.replace(__file__, "FILE") for item in sorted(seen) for line in item]


def warn_at(level, i):
    warnings.warn(f"level {level}", UserWarning, stacklevel=level)
    return i


def warn_twice(level, i):
    return warn_at(level, i) + 1


def warned(n, level):
    total = 0
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for i in range(min(n, 400)):
            total += warn_twice(level, i)
            total += warn_at(level, i)
    lines = {}
    for w in caught:
        lines[w.lineno] = lines.get(w.lineno, 0) + 1
    return total, sorted(lines.items()), {w.filename == __file__ for w in caught}


def warned_once(n):
    """The registry of a module decides by line."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for i in range(n):
            warn_twice(2, i)
            warn_at(2, i)
    return [w.lineno for w in caught]


class ToList(logging.Handler):
    def __init__(self):
        super().__init__()
        self.seen = {}

    def emit(self, record):
        key = (record.funcName, record.lineno, record.getMessage() if record.exc_info else "", record.levelname)
        self.seen[key] = self.seen.get(key, 0) + 1


def log_it(logger, i):
    logger.info("turn %d", i)
    if i % 5 == 0:
        logger.warning("five", stacklevel=2)
    return i


def logged(n):
    logger = logging.Logger("test", logging.INFO)
    handler = ToList()
    logger.addHandler(handler)
    total = 0
    for i in range(min(n, 500)):
        total += log_it(logger, i)
        logger.debug("not shown")
        logger.error("here")
        try:
            1 // (i % 3)
        except ZeroDivisionError:
            logger.exception("caught")
    return total, sorted(handler.seen.items())


def sort_keys(n):
    fresh()

    def key(x):
        LOG.add(("key", stack(2)))
        return -x

    total = 0
    for i in range(n // 10):
        total += sorted([1, 3, 2], key=key)[0]
        total += max([4, 5, i], key=key)
        total += sum(map(key, (1, 2)))
    return total, LOG.result()


def exec_and_eval(n):
    total = 0
    for i in range(n // 5):
        total += eval("i + total % 3")
        exec("total = 10 ** 9")
    return total


def generator_looks(n):
    fresh()

    def numbers(k):
        for i in range(k):
            LOG.add(("gen", stack(1, 4)))
            yield i

    total = 0
    for i in range(n // 10):
        for x in numbers(3):
            total += x
        total += sum(y for y in numbers(2))
    return total, LOG.result()


def generator_is_entry(n):
    fresh()

    def numbers(k):
        x = Number(1)
        total = 0
        for i in range(k):
            total += (x + i).value
            if i % 500 == 499:
                yield total

    return list(numbers(n)), LOG.result()


def comprehension(n):
    fresh()
    x = Number(2)
    total = 0
    for i in range(n // 10):
        total += len([x + j for j in range(3)])
        total += len({x == j for j in range(3)})
        total += len({j: -x for j in range(3)})
    return total, LOG.result()


for function in (
    operators_here,
    containers_here,
    iterations_here,
    operators_in_calls,
    drop_here,
    drop_in_calls,
    drop_at_return,
    drop_arguments,
    overwritten,
    write_iterator,
    write_cell,
    extra_local,
    frames_kept,
    frames_kept_here,
    frames_cleared,
    clear_running,
    locals_of_caller,
    locals_called,
    inspected,
    inspect_stack,
    extract_stack,
    warned_once,
    logged,
    sort_keys,
    exec_and_eval,
    generator_looks,
    generator_is_entry,
    comprehension,
):
    show(function, N)
for changed in (5, 2.5, "text", None, 2**80):
    for function in (written_here, written_in_call, written_below, written_outer):
        show(function, N, changed)
for stacklevel in (1, 2, 3):
    show(warned, N, stacklevel)
