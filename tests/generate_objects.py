"""Random programs about objects: operators of user classes, attributes, calls of all shapes, dicts, strings, exceptions,
generators, with statements, finalizers; and mischief: what is called changes what a trace takes for granted.

Each case is a function with a loop. What it calls notes who called it, from which line, and now and then does something
odd: it redefines a function, writes a caller's local, collects garbage, raises. All that is decided by a counter, so that a
program always does the same. Printed are results, exceptions with their lines, the order of finalizers, references.

    python tests/generate_objects.py SEED [CASES [FIRST]]     print a program; cases depend on their number only
"""

from __future__ import annotations

import random
import sys

PRELUDE = """
import functools
import gc
import re
import sys
import traceback
import weakref
from collections import Counter, OrderedDict, defaultdict, deque
from types import ModuleType

LOG = []
TICKS = [0]
MISCHIEF = []
SCALE = 3
HELD = []


def where(depth):
    frame = sys._getframe(depth + 1)
    names = []
    while frame is not None and len(names) < 3 and frame.f_code.co_name not in ("run", "<module>"):
        names.append(f"{frame.f_code.co_name}+{frame.f_lineno - frame.f_code.co_firstlineno}")
        frame = frame.f_back
    return "<".join(names)


def note(what, depth=2):
    if len(LOG) < 6000:
        LOG.append((what, where(depth)))
    TICKS[0] += 1
    if MISCHIEF and TICKS[0] % 37 == 5:
        MISCHIEF[TICKS[0] // 37 % len(MISCHIEF)](sys._getframe(depth))


class Oops(Exception):
    pass


def m_raise(frame):
    raise Oops(TICKS[0] % 5)


def m_global(frame):
    global SCALE
    SCALE = SCALE + 1 if SCALE is not None and SCALE < 9 else 2


def m_function(frame):
    global helper
    helper = helper_2 if helper is helper_1 else helper_1


def m_method(frame):
    Base.value = Base.value_2 if Base.value is Base.value_1 else Base.value_1


def m_class_attribute(frame):
    Base.level = Base.level + 1 if Base.level < 7 else 0.5


def m_local(frame):
    name = ("a", "b", "x", "y", "total")[TICKS[0] % 5]
    if name in frame.f_locals:
        frame.f_locals[name] = (1, 2.5, 2**65, -7)[TICKS[0] % 4]


def m_caller_local(frame):
    if frame.f_back is not None:
        m_local(frame.f_back)


def storing():
    # What is being stored while the old thing ends: whether the interpreter still holds it, and so when it ends where
    # the finalizer takes it away, depends on how the instruction is specialized.
    return sys._getframe(3).f_code.co_name == "__del__"


def m_object(frame):
    if storing():
        return
    for name in ("o", "p", "self", "other"):
        thing = frame.f_locals.get(name)
        if isinstance(thing, Base):
            if TICKS[0] % 3 == 0:
                thing.__class__ = Other if type(thing) is Base else Base
            elif TICKS[0] % 3 == 1:
                thing.__dict__ = {"v": 5, "w": 6}
            else:
                thing.__dict__["value"] = shadow if "value" not in thing.__dict__ else 1
                if thing.__dict__["value"] == 1:
                    del thing.__dict__["value"]
            break


def shadow(*args):
    return 99


def m_collect(frame):
    gc.collect()


def m_containers(frame):
    if storing():
        return
    for name in ("d", "xs"):
        thing = frame.f_locals.get(name)
        if type(thing) is dict and len(thing) < 20:
            thing["new"] = TICKS[0] % 7
        elif type(thing) is list and 0 < len(thing) < 20:
            if TICKS[0] % 2:
                thing.append(4)
            else:
                thing.pop()


def m_hold(frame):
    HELD.append(frame)
    del HELD[:-3]


def m_default(frame):
    shaped.__defaults__ = (shaped.__defaults__[0] + 1, 3)


def m_code(frame):
    swapped.__code__ = swapped_2.__code__ if TICKS[0] % 2 else swapped_1.__code__


ALL = [m_raise, m_global, m_function, m_method, m_class_attribute, m_local, m_caller_local, m_object, m_collect,
       m_containers, m_hold, m_default, m_code]


def clip(x):
    if isinstance(x, (int, float)):
        return x if -(10**25) < x < 10**25 else 17
    if isinstance(x, (str, list, tuple, dict)) and len(x) > 30:
        return x[:3] if not isinstance(x, dict) else {}
    return x


def helper_1(x, y=2):
    note("helper_1")
    return x


def helper_2(x, y=3):
    return y


helper = helper_1


def shaped(x, k=1, m=2, *rest, q=4, **names):
    note("shaped")
    return clip(x) if not rest else (k, len(rest), q, sorted(names))


def swapped_1(x):
    y = x
    note("swapped_1")
    return y


def swapped_2(x):
    note("swapped_2")
    return -1


def swapped(x):
    return x


def scaled(x):
    return x * SCALE


def inner(x, y):
    z = x
    for i in range(2):
        z = clip(z + y)
    return z


def outer(x, y):
    a = inner(x, y)
    b = scaled(y)
    return clip(a + b)


def fails(x):
    y = x
    if isinstance(x, int) and x % 7 == 3:
        raise Oops(y)
    return y


def guarded(x):
    try:
        return fails(x)
    except Oops as error:
        return error.args[0]
    finally:
        note("finally")


def numbers(n):
    for i in range(n):
        yield i * 2
    note("end", 2)


def module(n):
    made = ModuleType(f"m{n % 5 if type(n) is int else 0}")
    made.v, made.get = n, lambda: made_by(n)
    return made


def made_by(n):
    return n


def pairs(d):
    for key in list(d):
        got = yield key, d[key]
        if got:
            return got


def adder(k):
    def added(x, y=2):
        note("added")
        return clip(x + k) if y else k

    return added


def counted(n, x):
    def down(k):
        nonlocal x
        if k <= 0:
            return x
        x = clip(x + 1)
        return clip(down(k - 1) + n)

    result = down(n if type(n) is int and 0 <= n < 6 else 2)
    return result if SCALE else (result, x)


def walk(things, depth=0):
    total = 0
    for thing in things:
        if depth < 3 and isinstance(thing, (list, tuple)):
            total = clip(total + walk(thing, depth + 1))
        elif isinstance(thing, (int, float)):
            total = clip(total + thing)
        else:
            note("walk")
    return total


def spread(n, log):
    for i in range(n):
        if i % 2:
            log.append(i)
            continue
        log.append(spread(n - 1, log))
    return n


def total_of(n):
    return sum(clip(x * n) for x in (1, 2, 3) if x != SCALE)


def gathered(n, x, *rest):
    name = f"{n}"
    if n % 2:
        kept = deque((q + n if type(q) is int else x for q in rest or (1, n)), 2)
    else:
        kept = sorted(clip(q * n) for q in (n, 2))
    if type(n) is int and 0 < n < 6:
        kept = [len(kept), gathered(n - 1, x, n, *rest)]
    elif SCALE > 2:
        note("gathered")
    return (name, list(kept), x, rest)


def handed(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


def looked(function):
    def wrapper(*args, **kwargs):
        if kwargs.get("c"):
            note("looked")
            kwargs["c"] = len(kwargs)
        elif not args:
            kwargs.update(a=1)
        return function(*args, **kwargs)

    return wrapper


@handed
def summed(a, b=1, *rest, c=2, **more):
    if more:
        note(f"more {sorted(more)}")
    return clip(a + b + c + len(rest)) if b else (rest, more)


@looked
@handed
def given(*args, **kwargs):
    return args, kwargs


def named(**kwargs):
    return kwargs


def forwarded(function, *args, **kwargs):
    return function(*args, b=2, **kwargs) if SCALE else function(**kwargs)


class Guard:
    def __init__(self, v):
        self.v = v

    def __enter__(self):
        note("enter")
        self.v = clip(self.v + 1)
        return self.v

    def __exit__(self, kind, error, trace):
        if kind is not None:
            note(f"exit {kind.__name__}")
        self.v = clip(self.v - 1)
        return kind is not None and self.v == 2


class Quiet(Guard):
    def __enter__(self):
        return self

    def __exit__(self, *details):
        self.v = details[1]


class Shown:
    def __init__(self, function):
        self.function = function

    def __get__(self, owner, kind=None):
        return self if owner is None else clip(self.function(owner))


class Checked(Shown):
    def __set__(self, owner, value):
        note("set")
        owner.__dict__["checked"] = value


class Open:
    of_class = 1

    def __init__(self, v):
        self.v = v

    @Shown
    def shown(self):
        return self.v

    @Checked
    def checked(self):
        note("checked")
        return self.__dict__.get("checked", 0)

    def __getattr__(self, name):
        if name == "none":
            raise AttributeError(name)
        note(name)
        return len(name)

    def method(self, x=1, *, y=0):
        return clip(self.v + x + y)

    def __repr__(self):
        return f"Open({sorted(vars(self))})"


class Ends:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        note(f"del {self.name}")

    def __repr__(self):
        return f"Ends({self.name!r})"


class Base:
    level = 1

    def __init__(self, v, w=2):
        self.v = v
        self.w = w

    def value(self):
        return self.v

    value_1 = value

    def value_2(self):
        return self.w

    def add(self, x, *, twice=False):
        y = self.v
        self.v = clip(y + x)
        return self.v if not twice else self.w

    def chain(self, x):
        return self.add(x).real if isinstance(x, int) else x

    @property
    def both(self):
        note("both")
        return self.v, self.w

    @both.setter
    def both(self, pair):
        self.v, self.w = pair

    @classmethod
    def make(cls, *args):
        return cls(*args)

    @staticmethod
    def double(x):
        return clip(x + x)

    def __repr__(self):
        return f"{type(self).__name__}({self.__dict__})"


class Other(Base):
    level = 5

    def value(self):
        return -1

    def add(self, x, *, twice=True):
        return super().add(x, twice=twice)


class Vec:
    __slots__ = ("x", "y")

    def __init__(self, x, y):
        self.x = x
        self.y = y

    def __add__(self, other):
        if not isinstance(other, Vec):
            return NotImplemented
        return Vec(clip(self.x + other.x), clip(self.y + other.y))

    def __radd__(self, other):
        note("radd")
        return Vec(clip(self.x + other), self.y)

    def __iadd__(self, other):
        note("iadd")
        self.x = clip(self.x + 1)
        return self

    def __mul__(self, k):
        note("mul")
        return Vec(self.y, clip(k))

    def __eq__(self, other):
        note("eq")
        return isinstance(other, Vec) and self.x == other.x

    def __lt__(self, other):
        note("lt")
        return self.x < other.x

    def __hash__(self):
        note("hash")
        return 5

    def __bool__(self):
        note("bool")
        return self.x != 0

    def __neg__(self):
        return Vec(-self.x, self.y)

    def __len__(self):
        note("len")
        return 2

    def __getitem__(self, index):
        note("getitem")
        return self.y if index else self.x

    def __setitem__(self, index, value):
        self.y = clip(value)

    def __contains__(self, item):
        note("contains")
        return item == self.x

    def __iter__(self):
        yield self.x
        note("between")
        yield self.y

    def __call__(self, *args, **names):
        note("call")
        return len(args) + len(names)

    def __getattr__(self, name):
        note("getattr")
        if name == "nothing":
            raise AttributeError(name)
        return 3

    def __enter__(self):
        note("enter")
        return self

    def __exit__(self, kind, error, tb):
        note(f"exit {kind and kind.__name__}")
        return kind is Oops

    def __index__(self):
        note("index")
        return 1

    def __repr__(self):
        return f"Vec({self.x!r}, {self.y!r})"


class Pair:
    made = 0

    def __init__(self, x, y=1):
        self.x = x
        if y is not None:
            self.y = y

    def __add__(self, other):
        return Pair(clip(self.x + other.x), other.y)

    def __mul__(self, k):
        return Pair(self.y, clip(k)) if k else self

    def swapped(self):
        return Pair(self.y, self.x)

    def moved(self, k):
        self.x = clip(self.x + k)
        return self

    @property
    def sum(self):
        return self.x + self.y

    def __repr__(self):
        values = {name: value if type(value) in (int, float, str) else "." for name, value in vars(self).items()}
        return f"{type(self).__name__}({values})"


class Triple(Pair):
    y = 7

    def __init__(self, x, y, z):
        if z:
            self.z = z
        super().__init__(x, y)


class Late:
    # Its instances get most of their attributes when the class has no more places for them: these go into dicts.
    def __init__(self, v):
        self.v = v

    def up(self, k):
        self.w = clip(self.w + k)
        return self


LATE = []
COUNT = PART = 0


def reset_names():
    global COUNT, PART
    COUNT, PART = 0, 0.5
    LATE[:] = [Late(i) for i in range(40)]
    for each in LATE:
        each.w = each.u = each.v
        each.t = 0.5

"""

RUN = """

def shown(value, depth=0):
    if depth > 3:
        return "..."
    if isinstance(value, float):
        return value.hex() if value == value else "nan"
    if isinstance(value, (list, tuple)):
        return type(value).__name__ + "(" + ", ".join(shown(item, depth + 1) for item in value) + ")"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{shown(k, depth + 1)}: {shown(v, depth + 1)}" for k, v in value.items()) + "}"
    return re.sub(r" at 0x\\w+", "", repr(value))


def run(number, case, mischief):
    global SCALE, helper
    for start in ((3, 4), (0.5, -2), (2**62, True)):
        LOG.clear()
        HELD.clear()
        TICKS[0] = 0
        SCALE, helper = 3, helper_1
        Base.value, Base.level = Base.value_1, 1
        shaped.__defaults__ = (1, 2)
        swapped.__code__ = swapped_1.__code__
        MISCHIEF[:] = mischief
        reset_names()
        gc.collect()
        try:
            result = case(60, *start)
        except Exception as error:
            lines = [(f.name, f.lineno) for f in traceback.extract_tb(error.__traceback__)]
            result = type(error).__name__, str(error), lines
        MISCHIEF.clear()
        print(number, start, shown(result))
        del result
        gc.collect()
        digest = 0
        for entry in LOG:
            digest = (digest * 31 + hash(entry)) % 1_000_000_007
        print(number, len(LOG), digest, LOG[:3], LOG[-3:])
        if FULL:
            for index, entry in enumerate(LOG):
                print("   ", index, entry)
        print(number, [(f.f_code.co_name, shown({k: v for k, v in f.f_locals.items() if isinstance(v, (int, float))}))
                       for f in HELD])


FULL = False
"""

ERRORS = [
    "Oops",
    "TypeError",
    "KeyError",
    "IndexError",
    "AttributeError",
    "ValueError",
    "ZeroDivisionError",
    "Exception",
]


class Writer:
    """Writes one case."""

    def __init__(self, random: random.Random, number: int) -> None:
        self.random = random
        self.number = number
        self.lines: list[str] = []
        self.left = random.choice((6, 10, 16, 24))
        self.loops = 0
        self.in_loop = False
        self.odd = {
            kind
            for kind in (
                "raise",
                "frames",
                "drop",
                "classes",
                "modules",
                "deques",
                "pairs",
                "names",
                "within",
                "handed",
            )
            if random.random() < 0.6
        }

    def pick(self, choices: list[str]) -> str:
        """One of them."""
        return self.random.choice(choices)

    def chance(self, percent: int) -> bool:
        """Whether it happens."""
        return self.random.randrange(100) < percent

    def number_expression(self, depth: int = 0) -> str:
        """Something that is a number as a rule."""
        leaf = self.pick(["a", "b", "i", "x", "y", "1", "2", "0.5", "-3", "total", "2**30", "SCALE"])
        if depth > 2 or self.chance(35):
            return leaf
        a, b = self.number_expression(depth + 1), self.number_expression(depth + 1)
        choices = [
            f"({a} + {b})", f"({a} - {b})", f"({a} * {b})", f"({a} // ({b} or 1))", f"({a} % 7)",
            f"helper({a})", f"helper({a}, {b})", f"helper(y={a}, x={b})", f"inner({a}, {b})", f"outer({a}, {b})",
            f"scaled({a})", f"swapped({a})", f"guarded({a})", f"shaped({a})", f"shaped({a}, m={b})",
            "o.value()", "o.v", "o.w", "p.value()", "o.level", f"o.add({a})", f"o.add({a}, twice=True)", f"o.double({a})",
            f"o.chain({a})", "o.both[0]", "len(xs)", "len(d)", "u.x", "u.y", "u[0]", f"u[{a}]", "len(u)", "u(1, k=2)",
            "u.other", f"d.get({self.key()}, {a})", f"d[{self.key()}]", "xs[0]", f"xs[{self.pick(['-1', 'i % 3', 'u'])}]",
            "sum(numbers(3))", "sum(x for x in numbers(2))", "max(xs, key=scaled)", f"(a if u else {b})",
            f"({a} if {self.test(3)} else {b})", f"(lambda q, r=x: q)({a})", "len(s)", "int(s[:1] or 0)",
            f"sorted([{a}, {b}])[0]", f"min({a}, {b})", f"abs({a})", "sum(u)", "next(iter(u))", f"fails({a})",
        ]  # fmt: skip
        return self.pick(choices)

    def key(self) -> str:
        """A key of a dict."""
        return self.pick(['"k"', '"new"', "i % 4", "a", "u", "(i % 2, 1)", '"m"'])

    def test(self, depth: int = 2) -> str:
        """A condition."""
        a, b = self.number_expression(depth), self.number_expression(depth)
        return self.pick(
            [
                f"{a} < {b}",
                f"{a} == {b}",
                f"{a} >= {b}",
                "u",
                "not u",
                "u == v",
                "u < v",
                "u == 1",
                "a in u",
                f"{self.key()} in d",
                "xs",
                "d",
                "s",
                "e is None",
                "isinstance(o, Other)",
                'hasattr(o, "value")',
                "i % 3 == 1",
                "i % 5 == 2",
                "a in (1, 2, 3)",
                '"1" in s',
                "o is p",
                "x is y",
                's.startswith("1")',
            ]
        )

    def line(self, indent: int, text: str) -> None:
        """Adds a line."""
        self.lines.append("    " * indent + text)

    def block(self, indent: int, depth: int) -> None:
        """A few statements."""
        for _ in range(self.random.randint(1, 3)):
            self.statement(indent, depth)

    def simple(self) -> str:
        """A statement on one line."""
        a = self.number_expression()
        choices = [f"{self.pick(['a', 'b', 'x', 'y', 'total'])} = clip({a})"] * 6
        choices += [
            f"total += {self.number_expression(2)}", "a, b = b, a", f"o.v = clip({a})", f"o.w = {self.number_expression(2)}",
            f"d[{self.key()}] = clip({a})", f"d.pop({self.key()}, None)", f"d.setdefault({self.key()}, i)", f"del d[{self.key()}]",
            f"xs.append(clip({a}))", "xs.pop()", f"xs[i % 2] = clip({a})", f"xs = [{a}, i, 2.5]", "xs = xs[-4:]", "xs = [q for q in xs if q][:5] or [1]",
            "u = u + v", "u = -v", f"u = {self.pick(['1', 'a', '2.5'])} + u", "u += 1", f"u = u * {self.pick(['2', 'a'])}",
            f"u = Vec({a}, {self.number_expression(2)})", "u, v = v, u", f"u[0] = {a}", f"u.x = clip({a})", "v = Vec(i, 1)",
            f"x, y = {self.pick(['u', 'o.both', 'numbers(2)', '(y, x)', 'xs[:2]', 'numbers(3)'])}",
            f"s = f\"{{i}}-{{{self.pick(['a', 'x', 's', 'len(d)', 'a!r', 'i:>4'])}}}\"[-12:]", "s = s[1:] + str(i % 10)", "s = ''.join([s[:3], '1', s[3:6]])",
            f"x = shaped({a}, *xs[:2], **{{'z': 1}})", f"x = shaped(*{self.pick(['(1, 2, 3, 4)', 'xs[:3]', '[i]'])})", f"x = shaped({a}, q=i, other=2)",
            "d = {k: d[k] for k in list(d)[:3]}", "d = {**d, 'm': i}" if self.chance(30) else "d = dict(d)", "t = (o, u)", "t = [u, (x, y)]",
            "o.both = (x, y)", "del o.w", "o.w = 1", f"o.extra = {a}", "x = o.extra", "total = total % 1000003 if total == total else 0",
            "x = u.nothing", "for q in u: x = q", "for k, q in pairs(d): total += 1", "for k in d.items(): y = k[1]", "for q in numbers(i % 4): x = q",
            "x = [clip(q * 2) for q in xs[:3]][0]", "y = {q: i for q in xs[:2]}", "assert i != 33", "x = sorted(d, key=str)[:1]", "y = max(d.values(), key=str, default=1)",
        ]  # fmt: skip
        if "drop" in self.odd:
            choices += ["e = Ends(i % 3)", "e = None", "e = (Ends('t'), i)", "xs[0] = Ends('x')", "d['k'] = Ends('d')", "o.w = Ends('w')", "f = e",
                        "e = [Ends('l'), Ends('m')]", "helper(Ends('h'))", "shaped(Ends('s'), Ends('q'))", "o.add(Ends('o'))", "e = Ends(Ends('in'))",
                        "f = Ends(i); f.me = f if i % 9 == 0 else 1", "r = weakref.ref(e or o, lambda r: note('gone'))", "e = i", "x = Base(Ends('b')).v",
                        "f = None"] * 2  # fmt: skip
        if "classes" in self.odd:
            choices += ["o = Base(a)", "o = Other(b, w=a)", "o = Base.make(x, y)", "o, p = p, o", "p = o", "o = o.make(i)", f"o = Base({a}, {self.number_expression(2)})",
                        "x = o.add", "y = x(1)"] * 2  # fmt: skip
        if "modules" in self.odd:
            choices += ["m = module(i)", "f = m.__dict__", "f = m.get", "x = m.v", "y = len(m.__name__) + int(m.__name__[1:])", "x = m.get()",
                        f"m.v = {a}", "m.__name__ = f'm{x if type(x) is int else 0}'", "x = module(i).v", "x, m = m.v, module(a)"]  # fmt: skip
        if "deques" in self.odd:
            choices += [f"z.append({a})", f"z.appendleft({a})", "x = z.pop()", "y = z.popleft()", "x = z[0]", "y = z[-1]", "total += len(z)", "x = z[i % 5]",
                        "z = deque(list(z)[:5], 5)", "z = deque(list(z)[:6])", "z.append(z)", "while len(z) > 3: z.popleft()", "x = 1 if z else 2", "z[0] = i",
                        "x = len(range(i)[::-2])", "y = xs[:a:1]", "xs[::2] = [i] * len(xs[::2])", "x = u[i:a]", "for q in range(9)[::2]: total += q"]  # fmt: skip
        if "pairs" in self.odd:
            b = self.number_expression(2)
            choices += [f"g = Pair({a}, {b})", f"g = g + Pair({a}, 2)", f"h = g + Pair(i, {a})", "g = h", "g, h = h, g", "x = (g + h).x", "y = (g * i + h * 2).sum",
                        f"g.x = {a}", "g.y = h.x", "total += g.x", "x = g.swapped().y", f"g = g.moved({b})", "g = Triple(i, None if i % 5 else 2, i % 3)", "x = g.z",
                        "g.extra = i", "x = list(vars(g))", "x = g is h", "g.me = g", "g = Pair((g.x, i), h.x)", "h = Pair(Pair(i, x), 3)", "x = h.x.y", "del g.y",
                        "xs[0] = g.x", "xs[-1] = g", "e = g", "x = g.made", "Pair.made = i", "g.made = i", "f = (g, h)", "g, h = f", "g = Pair(Ends('n'))", "x = isinstance(g, Triple)",
                        f"g = Pair({a}); h = g * {b}; x = h.x", "for g in (g, Pair(i)): x = g.x", "x = [q.x for q in (g, h)]", "g = h = Pair(i)", "x = type(g) is Pair", "g.x = g.x"]  # fmt: skip
        if "names" in self.odd:
            choices += ["l = LATE[i % 3]", f"l.w = {a}", "total += l.w", "x = l.t", "l.t = l.t + 0.5", "l = l.up(1)", f"l = LATE[0].up({a})", "l.w = Ends('lw')",
                        "y = l.u", "l.u = (l, i)", "l.u = l", "del l.u", "l.extra = i", "l.w += 1", "l.up = add", "x = l.u is l", "x = vars(l)", "l.v = l.t = l.w",
                        "l.__dict__ = {'w': i, 'v': 2, 't': 0.5, 'u': l}", "l.__dict__[i % 3] = 1", "l.__dict__.pop('t')", "l.t = 1.5", "l.w = i", "l = Late(i)",
                        f"j['k'] = {a}", "total += j['k']", "x = j['m']", "j['m'] = e", "j['m'] = j", "j['k'] += 1", "j['m'] = Ends('jm')", "del j['m']",
                        "j = {'m': x, 'k': 1}", "j.clear()", "j.pop('k', None)", "j['k'] = j['m'] = i", "j[i] = 1", "x = j.get('k')", "y = 'm' in j", "j = {'k': 2, 'm': i}",
                        "COUNT += 1", "PART = PART + 0.5", "x = COUNT", "COUNT = i", "total += COUNT", f"PART = {a}", "COUNT = Ends('c')", "y = PART", "x = COUNT = (COUNT, i)[1]"]  # fmt: skip
        if "within" in self.odd:
            q = self.pick(["q", "i", "x", "q + i"])
            choices += ["add = adder(i)", f"x = add({a})", f"x = adder({a})(b)", "x = add(1, 0)", f"x = counted(i % 5, {a})", "x = walk(xs)", "x = walk([a, [b, (i, xs)], 2, t])",
                        f"x = total_of({a})", "x = spread(i % 4, xs)", f"x = gathered(i % 4, {a})", "x = gathered(i % 5, x, i)[1]", "add.__defaults__ = (i % 2,)", "add.__code__ = adder(i).__code__", "add = adder(Ends('ad'))", "x = adder(Ends('ae'))(i, 0)",
                        f"def rec(q): return {q} if not isinstance(q, int) or not 0 < q < 6 else clip(rec(q - 1) + 1)", "x = rec(i % 5)", f"x = rec({a})", "f = rec", "x = f is rec", "rec = helper",
                        "x = sum(rec(q) for q in (1, 2, 3))", "x = [add(q) for q in xs[:2]]", "x = sys.getrefcount(rec)", "e = add", "add = adder(1); e = add(i)"] * 2  # fmt: skip
        if "handed" in self.odd:
            b = self.number_expression(2)
            choices += [f"x = summed({a})", f"x = summed({a}, {b})", f"x = summed({a}, c={b})", "x = summed(a, 1, i, x, c=0)", "x = summed(b=i, a=2)", "x = summed(1, q=i)",
                        f"x = given({a}, c={b})", "x, y = given(i)", "x = given(c=0, q=e)[1]", "x = named(k=i, m=e)", f"y = len(named(a={a}))", "x = summed(*t or (1, 2))",
                        "x = summed(*xs[:2], **j)", "x = forwarded(summed, i)", "x = forwarded(given, i, c=2)", "x = forwarded(named, k=i)", "x = forwarded(w)",
                        "x = summed(**{'a': i, 'b': x})", "x = summed(*(i, a), **named(c=1))", "x = forwarded(Base, i)", "x = summed(Ends('h'), 0)", "e = named(k=Ends('k'))",
                        "w = w.method if hasattr(w, 'method') else Open(i)", "x = w(1)", "x = w(2, y=i)", "w = functools.partial(summed, i)", "x = w()", "x = w(i, c=x)",
                        "w = functools.partial(given, 1, c=2)", "w = functools.partial(w, i)", "x = w.args", "w.keywords['c'] = i", "w = Open(a)", "w = summed", "w = Guard(i % 3)",
                        "x = w.v", "x = w.of_class", "x = w.missing", "w.v = i", "w.missing = i", "Open.of_class = i", "w.of_class = 2", "x = w.shown", "x = w.checked", "w.checked = i",
                        "x = getattr(w, 'v')", "x = getattr(w, 'v', i)", "x = hasattr(w, 'none')", "x = getattr(w, 'none', x)", "y = hasattr(o, 'v')", "x = getattr(o, 'value')()",
                        "y = getattr(o, 'nothing', y)", "x = getattr(o, 'v' if i % 2 else 'w')", "x = hasattr(p, 'k')", "p.k = 1", "del p.k", "x = hasattr(w, '__call__')",
                        "r2 = o.add; x = r2(1)", "x = r2(i, twice=True)", "x = r2(*(1,))", "x = r2 == o.add", "x = r2.__self__ is o", "r2 = p.value",
                        "c2 = defaultdict(int)", "c2[i % 3] += 1", "c2[x] = i", "x = c2['k']", "c2 = Counter('abca')", "c2 = OrderedDict(a=1)", "x = 'a' in c2", "x = c2[i % 2]", "del c2[1]", "c2['a'] = Ends('c2')",
                        "x = xs == [1, i]", "x = (1, x) < (1, i)", "y = t == (i, a)", "x = [1, [i]] == [1, xs]"]  # fmt: skip
        if "frames" in self.odd:
            choices += [
                "x = len(locals())",
                "note('here', 1)",
                "x = sys._getframe().f_lineno",
                "y = where(0)",
                "add = lambda q: q + x",
                "x = add(1)",
            ]
        if "raise" in self.odd and self.in_loop:
            choices += [
                f"if {self.test()}: raise Oops(i)",
                f"if {self.test()}: break",
                f"if {self.test()}: continue",
            ] * 2
        return self.pick(choices)

    def statement(self, indent: int, depth: int) -> None:
        """One statement."""
        self.left -= 1
        kind = self.random.randrange(100)
        if depth > 3 or self.left <= 0 or kind < 55:
            self.line(indent, self.simple())
        elif kind < 68:
            self.line(indent, f"if {self.test()}:")
            self.block(indent + 1, depth + 1)
            if self.chance(40):
                self.line(indent, "else:")
                self.block(indent + 1, depth + 1)
        elif kind < 78:
            self.line(indent, "try:")
            self.block(indent + 1, depth + 1)
            if self.chance(80):
                self.line(indent, f"except {self.pick(ERRORS)}{self.pick([' as error', ''])}:")
                self.line(
                    indent + 1,
                    self.pick(
                        ["a = b = 1", "note('caught', 1)", "x = y = 2", "total = 0", "raise", "d = {'k': 1}; xs = [1]"]
                    ),
                )
                if self.chance(20):
                    self.line(indent, "finally:")
                    self.line(indent + 1, self.simple())
            else:
                self.line(indent, "finally:")
                self.block(indent + 1, depth + 1)
        elif kind < 84:
            managers = ["u", "u as v", "Vec(i, 2)", "v"]
            if "handed" in self.odd:
                managers += ["Guard(i % 3)", "w", "Guard(2) as x, w", "Quiet(i) as q", "w as x", "Guard(Ends('g'))"] * 2
            self.line(indent, f"with {self.pick(managers)}:")
            self.block(indent + 1, depth + 1)
        else:
            self.loop(indent, depth)

    def loop(self, indent: int, depth: int, iterations: str | None = None) -> None:
        """A loop."""
        outside = self.in_loop
        if iterations is not None:
            self.line(indent, f"for i in range({iterations}):")
        else:
            self.line(
                indent,
                self.pick(
                    [
                        "for j in range(i % 5):",
                        "for j in range(3):",
                        "for x in xs[:4]:",
                        "for k, q in list(d.items())[:3]:",
                        "for x in numbers(i % 4):",
                        "for x, y in ((1, 2), (a, b)):",
                        "for q, x in enumerate(xs[:3]):",
                        "for q in u:",
                        "for x in map(helper, (1, 2)):",
                        "for c in s[:3]:",
                        "for x, y in zip(xs[:3], (1, 2)):",
                        "for x in reversed(xs[:3]):",
                        "for k, x in pairs(d):",
                        "for x in (q for q in xs[:3]):",
                    ]
                ),
            )
        self.in_loop = True
        self.line(indent + 1, "steps += 1")
        self.line(indent + 1, "if steps > 500:")
        self.line(indent + 2, "return 'steps', a, b, x, y, total")
        if iterations is not None and self.chance(75):
            self.line(indent + 1, "try:")
            self.block(indent + 2, depth + 1)
            self.block(indent + 2, depth + 1)
            self.line(indent + 1, "except Exception as error:")
            self.line(
                indent + 2, "LOG.append((type(error).__name__, str(error), error.__traceback__.tb_lineno - first))"
            )
            self.line(
                indent + 2,
                self.pick(
                    [
                        "a = i; b = 1",
                        "xs = [1, 2, 3]; d = {'k': 1}",
                        "o = Base(1); u = v = Vec(1, 2)",
                        "x = y = 0; s = '12'",
                        "pass",
                    ]
                ),
            )
        else:
            self.block(indent + 1, depth + 1)
            if iterations is not None:
                self.block(indent + 1, depth + 1)
        if self.chance(12):
            self.line(indent, "else:")
            self.in_loop = outside
            self.line(indent + 1, self.simple())
        self.in_loop = outside

    def case(self) -> str:
        """The function."""
        self.line(0, f"def case_{self.number}(n, a, b):")
        self.line(1, "global COUNT, PART")
        self.line(1, f"first = case_{self.number}.__code__.co_firstlineno")
        self.line(1, "steps = total = i = 0; x = a; y = b; s = '123'; xs = [1, a, 2.5]; d = {'k': 1, 2: b}")
        self.line(1, "o = Base(a); p = Other(1, b); u = Vec(1, a); v = Vec(b, 2); e = f = t = None; add = lambda q: q")
        self.line(1, "m = module(0); z = deque([1, a, 2.5]); g = Pair(1); h = Pair(a, b)")
        self.line(1, "l = LATE[0]; j = {'k': 1, 'm': a}")
        self.line(1, "w = Guard(a); r2 = o.add; c2 = defaultdict(int)")
        if "within" in self.odd:
            self.line(1, "def rec(q): return q")
        self.loop(1, 0, "n")
        if self.chance(30):
            self.left = 6
            self.loop(1, 0, "n")
        self.line(
            1,
            "return a, b, x, y, total, s, xs, d, o, p, u, v, e, g, h, j, COUNT, PART, l.__dict__, sys.getrefcount(o), sys.getrefcount(g), sys.getrefcount(xs), len(z), c2, sys.getrefcount(w)",
        )
        return "\n".join(self.lines)

    def mischief(self) -> str:
        """What goes wrong on the way."""
        names = ["m_raise", "m_global", "m_function", "m_method", "m_class_attribute", "m_local", "m_caller_local", "m_object",
                 "m_collect", "m_containers", "m_hold", "m_default", "m_code"]  # fmt: skip
        count = self.random.choice((0, 0, 1, 2, 4))
        return "[" + ", ".join(self.random.sample(names, count)) + "]"


def program(seed: int, cases: int, first: int = 0) -> str:
    """A program with this many cases."""
    parts, runs = [PRELUDE], []
    for number in range(first, first + cases):
        writer = Writer(random.Random(f"{seed}/{number}"), number)
        parts.append("\n\n" + writer.case() + "\n")
        runs.append(f"run({number}, case_{number}, {writer.mischief()})")
    parts.append(RUN)
    return "\n".join(parts + runs) + "\n"


if __name__ == "__main__":
    arguments = [int(word) for word in sys.argv[1:]]
    print(program(arguments[0], arguments[1] if len(arguments) > 1 else 1, arguments[2] if len(arguments) > 2 else 0))
