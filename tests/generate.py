"""Random programs: nested loops over numbers, lists, tuples, attributes and calls, as odd as they come.

`program` makes one from any source of randomness, so that hypothesis can shrink what it finds. A program holds many
cases; each is a function that is called a few times with arguments of different types and prints all it can see: its
results, exceptions with their tracebacks, and how often the objects that it passed around are referred to.

    python tests/generate.py SEED [CASES]          print a program
"""

from __future__ import annotations

import random
import sys

INTS = [
    "0", "1", "2", "3", "-1", "-2", "7", "255", "-256", "257", "1000003", "2**30 - 1", "-(2**30)", "2**31", "2**59",
    "2**60 - 1", "-(2**60)", "2**61", "2**62 - 1", "2**63 - 1", "-(2**63)", "2**63", "2**64 + 1", "True", "False",
]  # fmt: skip
FLOATS = ["0.0", "-0.0", "0.5", "-1.5", "3.0", "1e16", "1e300", "5e-324", "float('inf')", "float('nan')"]
BINARY = ["+", "+", "+", "-", "-", "*", "*", "/", "//", "%", "&", "|", "^"]
COMPARE = ["<", "<=", "==", "!=", ">", ">=", "<", ">", "is", "is not"]
ERRORS = ["ZeroDivisionError", "IndexError", "TypeError", "OverflowError", "ValueError", "ArithmeticError", "Exception"]

# Kinds of things that a case has or has not.
ODD = ["none", "text", "bits", "new", "iterators", "builtins", "closures", "cells", "unbound", "things", "globals"]
# Half of all cases have these.
COMMON = ["lists", "turns"]

PRELUDE = '''
import sys

SCALE = 3


class Point:
    def __init__(self, x, y):
        self.x = x
        self.y = y

    def sum(self):
        return self.x + self.y

    def move(self, by):
        self.x = self.x + by
        if by == 3:
            self.y = self.x
        return self

    def count(self, k):
        s = self.y
        for i in range(k):
            if i == 4:
                break
            s = s + i
        return s


class Slots:
    __slots__ = ("x", "y")

    def __init__(self, x, y):
        self.x = x
        self.y = y


class Thing:
    def __repr__(self):
        return "Thing()"


def clip(x):
    return x if x is None or -(10**30) < x < 10**30 else 17


def small(x):
    return x if -(10**25) < x < 10**25 else 11


def pick(x, y):
    return x if x is not None else y


def least(x, y):
    if x < y:
        return x
    return y


def inner(k, x):
    t = x
    for i in range(k):
        if i % 3 == 1:
            continue
        t = t + i
    return t


def search(values, x):
    i = 0
    while i < len(values):
        if values[i] == x:
            return i
        i += 1
    return -1


def fib(k):
    return k if k < 2 else fib(k - 1) + fib(k - 2)


def pair(x, y):
    return y, x


def make_adder(x):
    total = 0

    def add(y):
        nonlocal total
        total = total + 1
        return x + y + total

    return add


def twice(x):
    y = x * 2
    return (y, y)


def grid(k, x):
    t = 0
    for i in range(k):
        j = 0
        while j < i:
            t = least(t, x)
            if t is None:
                break
            for m in range(j):
                t = t + 1
            j += 1
        else:
            t = t - i
    return t


def scaled(x):
    return x * SCALE


def tail(values, k):
    part = values[k:]
    s = 0
    for v in part:
        s = s + 1
    return (s, part)


def rescale():
    global SCALE
    SCALE = SCALE % 7 + 1


def held(thing):
    return thing


def end(names):
    """Something that can be compared of all that a case left behind."""
    return [(name, names[name]) for name in sorted(names) if name not in ("add", "it", "steps")]


def show(value):
    if isinstance(value, (Point, Slots)):
        return f"{type(value).__name__}({value.x!r}, {value.y!r})"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(show(item) for item in value) + "]"
    return repr(value)
'''

RUN = '''
def trail(error):
    """An exception with the lines that it came through."""
    text, step = f"{type(error).__name__}: {error}", error.__traceback__
    while step is not None:
        text += f" < {step.tb_frame.f_code.co_name}:{step.tb_lineno}"
        step = step.tb_next
    return text if error.__context__ is None else f"{text} after {trail(error.__context__)}"


def run(number, function):
    things = [Thing(), Thing(), Thing()]
    for start in ((1, 2, 3), (0.5, -1, 2**62), (True, 1.5, None), (-7, 2**63 - 1, 0), (2**70, -(2**90), 5), (3, 4, 5)):
        try:
            result = show(function(21, *start, things))
        except Exception as error:
            result = trail(error)
        print(number, result)
    print(number, "references", [sys.getrefcount(thing) for thing in things])
    sys.stdout.flush()
'''


class Writer:
    """Writes one case."""

    def __init__(self, random: random.Random, number: int) -> None:
        self.random = random
        self.number = number
        self.lines: list[str] = []
        self.loops = 0
        self.left = random.randint(4, 22)
        self.counters = 0
        self.names = ["i"]
        self.in_loop = False
        # What traces do not handle ends them: most cases have little of it.
        self.odd = {name for name in ODD if random.randrange(100) < 12}
        self.odd |= {name for name in COMMON if random.randrange(100) < 50}
        self.guarded = random.randrange(100) < 60

    def chance(self, percent: int) -> bool:
        return self.random.randrange(100) < percent

    def pick(self, choices: list[str]) -> str:
        return self.random.choice(choices)

    def variable(self) -> str:
        return self.pick(["a", "b", "c", "d", "a", "b"])

    def leaf(self) -> str:
        kind = self.random.randrange(12)
        if kind < 6:
            return self.pick([*self.names, "a", "b", "c", "d"])
        if kind < 8:
            return self.pick(INTS)
        if kind == 8:
            return self.pick(FLOATS)
        if "none" in self.odd and self.chance(15):
            return "None"
        return self.pick(["xs[0]", "xs[i % 4]", "p.x", "p.y", "q.x", "t[0]", "t[1]", "SCALE", "len(xs)", "ys[-1]"])

    def expression(self, depth: int = 2) -> str:
        if depth == 0 or self.chance(25):
            return self.leaf()
        a, b = self.expression(depth - 1), self.expression(depth - 1)
        kind = self.random.randrange(27)
        if kind < 10:
            operator = self.pick(BINARY)
            if operator in "&|^" and "bits" not in self.odd:
                a, b = self.pick(["i", "d", "3"]), self.pick(["i", "7", "2**62 - 1"])
            return f"({a} {operator} {b})"
        if kind < 12:
            return f"({a} {self.pick(COMPARE)} {b})"
        if kind == 12:
            return f"({a} if {b} else {self.leaf()})"
        if kind == 13:
            return f"({a} {self.pick(['and', 'or'])} {b})"
        choices = [
            f"(-{a})", f"(not {a})", f"abs({a})", f"least({a}, {b})", f"pick({a}, {b})",
            f"({self.pick(['i', 'd'])} >> 2)", f"(i << {self.pick(['3', '(i & 7)', '60', '2'])})", f"({a} ** 2)",
            f"inner(i & 7, {a})", f"clip({a})", "p.sum()",
            f"search(xs, {a})", "fib(i & 3)", f"float({a})", f"xs[{self.pick(['d', 'i & 3', '-i', '2'])}]", "ys[i & 3]",
            "p.count(i & 7)", f"small({a})", f"(b < {a} <= c)", f"({a}, {b})[i & 1]", f"pair({a}, {b})[0]",
            f"p.move({a}).x", f"pick({a}, {b})", f"inner({self.pick(['d', '3', 'i'])} & 3, {b})",
        ]  # fmt: skip
        if "builtins" in self.odd:
            choices += [
                f"min({a}, {b})",
                f"max({a}, {b})",
                f"int({a})",
                f"bool({a})",
                f"round({a})",
                f"({a} in (1, 2))",
            ]
        if "bits" in self.odd:
            choices += [f"(~{a})", f"({a} >> 2)", f"({a} << (i & 7))", f"xs[{a}]"]
        if "lists" in self.odd:
            choices += ["len(xs[1:])", "len(ys)", f"abs(ys.pop({self.pick(['', '0', '-1', 'd'])}))", "xs[:2][-1]"]
            choices += ["tail(xs, i & 3)[0]", f"xs[{self.pick(['::2', '1::2', '::-1', 'i & 1:', '-2:'])}][0]", "len(t)"]
        if "turns" in self.odd:
            choices += [f"twice({a})[1]", f"twice({a})[0]", f"grid(i & 3, {b})", f"scaled({a})", f"(d is None) + {a}"]
            choices += [f"(1 if e is None else {a})", f"(e if e is not None else {b})", "e", "e"]
            choices += [f"((2**64) ** ({self.pick(['i % 3', '1 - i % 3', '2'])}))"]
            choices += [f"(a, {a}, b)[i % 3]", "(c is b)", "(e == 2)", f"(e or {a})"]
        if "closures" in self.odd:
            choices += [f"add({a})"] * 4
        return self.pick(choices)

    def line(self, indent: int, text: str) -> None:
        self.lines.append("    " * indent + text)

    def block(self, indent: int, depth: int) -> None:
        for _ in range(self.random.randint(1, 3)):
            self.statement(indent, depth)

    def statement(self, indent: int, depth: int) -> None:
        self.left -= 1
        kind = self.random.randrange(100)
        deeper = self.left > 0 and depth < 4
        if "lists" in self.odd and self.chance(8):
            choices = ["ys.append(a)", "ys.insert(i & 3, b)", "a = ys.pop()", "ys = xs[:]", "xs[1:3] = (a, b)"]
            choices += ["ys[1:] = xs", "xs[:2] = ys[:2]", "t = tail(xs, 1)", "t = twice(c)", "w = xs[::2]"]
            choices += ["d = len(w)", "xs, ys = ys, xs"]
            self.line(indent, self.pick(choices))
        elif "turns" in self.odd and self.chance(12):
            choices = ["a, b = b, a + b", "a, b, c = c, a, b", "e = None", "e = 2.5", "e = i", "e = 7", 'e = "text"']
            choices += ["e = (a, a)", "e = True", "d = e", "p.x += 1", "p.y -= a", "xs[i & 3] += 1", "t = (a, a)"]
            choices += ["a, b = twice(b)", "e = p", "e = 2**70", "a = b; b = c; c = 1", "e = t[1]", "t = e, a"]
            choices += ["e = xs", "c, e = e, c", "rescale()"]
            self.line(indent, self.pick(choices))
        elif kind < 22 or (not deeper and kind >= 60):
            self.line(indent, f"{self.variable()} = clip({self.expression()})")
        elif kind < 30:
            # Not `*=`: numbers would grow without end.
            self.line(indent, f"{self.variable()} {self.pick(['+', '-', '+'])}= {self.leaf()}")
        elif kind < 34:
            self.line(indent, self.pick(["a, b = b, a", "t = (a, b)", "a, b = t", "c, d = pair(c, a)", "a = b = c"]))
        elif kind < 38:
            self.line(indent, f"xs[{self.pick(['i % 4', '0', '-1', 'i & 3'])}] = clip({self.expression(1)})")
        elif kind < 42:
            target = self.pick(["p.x", "p.y", "q.x", "q.y"])
            self.line(indent, f"{target} = clip({self.expression(1)})")
        elif kind < 44:
            choices = ["ys.append(a)", "t = (t[1], c)", "ys.append(i)", "t = (a, t[0])"]
            choices += ["ys = [1, 2.5, i, 4]", "xs = xs[:4] + [a]"] if "new" in self.odd else []
            self.line(indent, self.pick(choices))
        elif kind < 48 and "things" in self.odd:
            choices = [
                "o = things[i % 3]",
                "o = None",
                "p.y = o",
                "t = (o, o)",
                "xs[1] = o",
                "o = held(o)",
                "ys[0] = o",
            ]
            self.line(indent, self.pick(choices))
        elif kind < 51:
            choices = ["p, q = q, p", "q = p", "p = q"]
            choices += ["p = Point(a, b)", "add = make_adder(c)", "it = iter(xs)"] if "new" in self.odd else []
            self.line(indent, self.pick(choices))
        elif kind < 54 and self.in_loop:
            self.line(indent, f"if {self.expression(1)}:")
            self.line(indent + 1, self.pick(["break", "continue", "continue", "break", "return end(locals())"]))
        elif kind < 56 and "iterators" in self.odd:
            self.line(indent, f"{self.variable()} = next(it, {self.leaf()})")
        elif kind < 60:
            change = "rescale()" if "globals" in self.odd else "d = i"
            self.line(indent, self.pick([change, "d = None" if "none" in self.odd else "d = 3", "d = i", "c = 0.5"]))
        elif kind < 74:
            self.line(indent, f"if {self.expression(1)}:")
            self.block(indent + 1, depth + 1)
            if self.chance(40):
                self.line(indent, "else:")
                self.block(indent + 1, depth + 1)
        elif kind < 92:
            self.loop(indent, depth)
        else:
            self.line(indent, "try:")
            self.block(indent + 1, depth + 1)
            if self.chance(85):
                self.line(indent, f"except {self.pick(ERRORS)}:")
                self.line(indent + 1, self.pick(["a = i", "b = 1", "c = 0.25; a = 2", "d = None", "a = b = c = 1"]))
                if self.chance(15):
                    self.line(indent, "else:")
                    self.block(indent + 1, depth + 1)
            else:
                self.line(indent, "finally:")
                self.line(indent + 1, self.pick(["d = i", "b = 2", "xs[0] = i"]))

    def loop(self, indent: int, depth: int, iterations: str | None = None) -> None:
        outside = self.in_loop
        self.in_loop = True
        self.loops += 1
        kind = self.random.randrange(10)
        before = list(self.names)
        if iterations is not None or kind < 5:
            name = "i" if iterations is not None else self.pick(["j", "k", "m", "j", "i"])
            span = iterations or self.pick(
                ["3", "5", "i & 3", "2, 7", "6, 0, -2", "0", "1", "i, i + 3", "len(xs)", "7"]
            )
            self.line(indent, f"for {name} in range({span}):")
            self.names.append(name)
        elif kind < 8:
            name = self.pick(["v", "a", "v", "j"])
            choices = [
                "xs",
                "(1, 2.5, a)",
                "t",
                "ys[:4]" if "new" in self.odd else "xs",
                "(i, b)",
                "xs",
                "((1, 2), (3, i))",
            ]
            over = self.pick(choices + (["it", "[1, 2, 3]", "iter(xs)", "ys"] if "iterators" in self.odd else []))
            if "lists" in self.odd and self.chance(30):
                over = self.pick(["enumerate(xs)", "enumerate(ys[:4])", "enumerate(xs[1:])"])
            if over.startswith(("((", "enumerate")):
                self.line(indent, f"for {name}, w in {over}:")
                self.names.append(name)
            else:
                self.line(indent, f"for {name} in {over}:")
                if name != "a":
                    self.names.append(name)
        else:
            self.counters += 1
            name = f"n{self.counters}"
            self.line(indent, f"{name} = 0")
            self.line(indent, f"while {name} < {self.pick(['5', '3', '(i & 3) + 1'])}:")
            self.line(indent + 1, f"{name} += 1")
            self.names.append(name)
        # However the loops are nested, a case ends.
        self.line(indent + 1, "steps += 1")
        self.line(indent + 1, "if steps > 900:")
        self.line(indent + 2, "return end(locals())")
        if iterations is not None and self.guarded:
            self.line(indent + 1, "try:")
            self.block(indent + 2, depth + 1)
            self.line(indent + 1, "except (ArithmeticError, TypeError, LookupError, ValueError):")
            self.line(
                indent + 2,
                self.pick(["a = i; b = 1", "b = c = d = 2", "a = 0.5; d = i", "a = b = d = 7; p.x = p.y = 1"]),
            )
        else:
            self.block(indent + 1, depth + 1)
        if self.chance(20):
            self.line(indent, "else:")
            self.in_loop = outside
            self.block(indent + 1, depth + 1)
        self.in_loop = outside
        # Names of inner loops may be unbound afterwards; reading them then is part of the game, now and then.
        if "unbound" not in self.odd:
            self.names = before

    def case(self) -> str:
        self.line(0, f"def case_{self.number}(n, a, b, c, things):")
        self.line(1, "i = steps = 0")
        for start in ("d = 1", "xs = [1, 2.5, a, 4]", "ys = [b, 7, 0.5, 1]", "t = (a, b)", "o = e = None"):
            self.line(1, start)
        self.line(1, self.pick(["p = Point(1, 2)", "p = Point(a, 0.5)", "p = Point(b, b)"]))
        self.line(1, self.pick(["q = Slots(1, 2)", "q = Point(0, 1.5)", "q = p"]))
        self.line(1, "w = xs")
        self.line(1, "add = make_adder(1)")
        self.line(1, "it = iter(ys)")
        self.loop(1, 0, "n")
        while self.left > 6 and self.chance(40):
            self.loop(1, 0, "n")
        self.line(1, "return end(locals())")
        return "\n".join(self.lines)


def program(random: random.Random, cases: int) -> str:
    """A program with this many cases."""
    parts = [PRELUDE]
    for number in range(cases):
        parts.append(Writer(random, number).case() + "\n\n")
    parts.append(RUN)
    parts += [f"run({number}, case_{number})" for number in range(cases)]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    print(program(random.Random(int(sys.argv[1])), int(sys.argv[2]) if len(sys.argv) > 2 else 1))
