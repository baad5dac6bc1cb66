"""Random programs about control: generators (nested, delegating, closed early, thrown into), closures, `try` with `finally`, `with`,
`match`, recursion, containers that change while they are walked, numbers at the edges of machine words, objects that end.

Unlike the other two generators this one makes up the functions that are called, too: helpers, generators, closures, methods,
operators. Programs are small, so that many can be tried. All loops are bounded, and a function calls only those made before it.

    python tests/generate_flow.py SEED      print a program
"""

from __future__ import annotations

import random
import sys

EDGES = [
    *(f"2**{bits}{end}" for bits in (30, 31, 32, 62, 63, 64) for end in ("", " - 1", " + 1")),
    *(f"-(2**{bits}){end}" for bits in (30, 31, 62, 63, 64) for end in ("", " - 1", " + 1")),
    *(f"2**{bits}" for bits in (15, 45, 53, 59, 60, 61, 90)),
]  # fmt: skip
SMALL = ["0", "1", "2", "3", "-1", "-2", "5", "7", "10", "255", "256", "257", "-5", "-6", "True", "False"]
FLOATS = ["0.0", "-0.0", "0.5", "-1.5", "2.0", "1e16", "1e308", "5e-324", "INF", "-INF", "NAN", "0.1"]
OTHERS = ["None", "'a'", "'xyz'", "''", "(1, 2)", "()", "b'ab'", "1j", "[1]", "frozenset((1, 2))", "...", "{'k': 1}"]
ARITHMETIC = ["+", "-", "*", "+", "-", "*", "//", "%", "/", "&", "|", "^", "<<", ">>", "**"]
COMPARE = ["<", "<=", "==", "!=", ">", ">=", "<", "==", "is", "is not", "in", "not in"]
ERRORS = ["Oops", "TypeError", "ValueError", "ZeroDivisionError", "LookupError", "ArithmeticError", "AttributeError",
          "Exception", "(TypeError, Oops)", "StopIteration", "RuntimeError", "OverflowError"]  # fmt: skip

PRELUDE = """
import gc, sys, traceback, weakref
INF = float("inf")
NAN = float("nan")
LOG = []
KEPT = []
G = 3
H = [1, 2, 3]


class Oops(Exception):
    pass


def note(*what):
    if len(LOG) < 3000:
        LOG.append(what)


def fit(x):
    if isinstance(x, int):
        return x if -(2**130) < x < 2**130 else 13
    if isinstance(x, (str, bytes, tuple, list)):
        return x if len(x) < 40 else x[:4]
    return x


def shift(x):
    return x & 63 if isinstance(x, int) else x


class Ends:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        note("ends", self.name, G)

    def __repr__(self):
        return f"Ends({self.name!r})"


class Manager:
    def __init__(self, hush=False):
        self.hush = hush

    def __enter__(self):
        note("enter")
        return self

    def __exit__(self, kind, error, tb):
        note("exit", kind and kind.__name__, tb and tb.tb_lineno - tb.tb_frame.f_code.co_firstlineno)
        return self.hush


def shown(value, depth=0):
    if depth > 4:
        return "..."
    if isinstance(value, float):
        return value.hex() if value == value else "nan"
    if isinstance(value, (list, tuple)):
        return type(value).__name__ + "(" + ", ".join(shown(item, depth + 1) for item in value[:7]) + ")"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{shown(k, depth + 1)}: {shown(v, depth + 1)}" for k, v in list(value.items())[:7]) + "}"
    if isinstance(value, (set, frozenset)):
        return "{" + ", ".join(sorted(shown(item, depth + 1) for item in value)) + "}"
    if isinstance(value, (int, str, bytes, complex, Ends, type(None), type(...))):
        return repr(value)
    if isinstance(value, Base):
        return f"{type(value).__name__}({shown(value.v, depth + 1)}, {shown(value.w, depth + 1)})"
    if isinstance(value, BaseException):
        return trail(value)
    return type(value).__name__


def trail(error):
    text, step = f"{type(error).__name__}({', '.join(shown(x, 2) for x in error.args)})", error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        if code.co_name not in ("run", "<module>"):
            text += f" < {code.co_name}:{step.tb_lineno - code.co_firstlineno}"
        step = step.tb_next
    if error.__cause__ is not None:
        text += f" from {trail(error.__cause__)}"
    elif error.__context__ is not None:
        text += f" after {trail(error.__context__)}"
    return text


def at_end(names):
    return tuple(f"{name}={shown(names[name])}" for name in sorted(names))
"""

RUN = """
def run(number, start):
    global G
    LOG.clear()
    KEPT.clear()
    G = 3
    H[:] = [1, 2, 3]
    reset()
    try:
        result = main(TURNS, *start)
    except Exception as error:
        result = trail(error)
        error = None
    print(number, result)
    print(number, "G", shown(G), shown(H), [sys.getrefcount(x) for x in (H, LOG, KEPT)])
    KEPT.clear()
    gc.collect()
    for entry in LOG:
        print("  ", shown(entry))


for number, start in enumerate(STARTS):
    run(number, start)
"""


class Writer:
    """Writes a program."""

    def __init__(self, random: random.Random) -> None:
        self.random = random
        self.lines: list[str] = []
        # What can be called, in this order: only what stands before.
        self.functions: list[str] = []
        self.generators: list[str] = []
        self.names = ["a", "b", "x", "y"]
        self.place = "main"
        self.in_loop = False
        self.left = 0
        self.count = 0
        odd = [
            "numbers",
            "exceptions",
            "generators",
            "closures",
            "objects",
            "containers",
            "mutation",
            "drop",
            "match",
            "text",
        ]
        self.odd = {kind for kind in odd if random.random() < 0.4}

    def chance(self, percent: int) -> bool:
        """Whether it happens."""
        return self.random.randrange(100) < percent

    def pick(self, choices: list[str]) -> str:
        """One of them."""
        return self.random.choice(choices)

    def line(self, indent: int, text: str) -> None:
        """A line."""
        self.lines.append("    " * indent + text)

    def leaf(self) -> str:
        """A name or a constant."""
        kind = self.random.randrange(20)
        if kind < 12:
            return self.pick(self.names)
        if kind < 14 or (kind < 17 and "numbers" not in self.odd):
            return self.pick(SMALL)
        if kind < 16:
            return self.pick(EDGES)
        if kind == 16:
            return self.pick(FLOATS)
        if kind == 17 and self.chance(30):
            return self.pick(OTHERS)
        return (
            self.pick(["G", "len(xs)", "H[0]", "o.v", "o.w"]) if self.place == "main" else self.pick(["G", "H[0]", "a"])
        )

    def expression(self, depth: int = 2) -> str:
        """An expression."""
        if depth <= 0 or self.chance(25):
            return self.leaf()
        a, b = self.expression(depth - 1), self.expression(depth - 1)
        kind = self.random.randrange(30)
        if kind < 11:
            operator = self.pick(ARITHMETIC)
            if operator in ("<<", ">>"):
                return f"({a} {operator} shift({b}))" if operator == ">>" else f"(fit({a}) << shift({b}))"
            if operator == "**":
                return f"({a} ** {self.pick(['2', '3', '0', '-1', '0.5'])})"
            return f"({a} {operator} {b})"
        if kind < 14:
            return f"({a} {self.pick(COMPARE)} {b})"
        if kind < 20 and self.functions:
            return self.call(self.pick(self.functions), a, b)
        if kind < 22 and self.generators:
            made = self.generator(a)
            return self.pick([f"next({made}, {b})", f"sum({made})", f"list({made})[:3]", f"[q for q in {made}][-1]", f"max({made}, default={b})",
                              f"any(q == {b} for q in {made})", f"any({made})", f"next({made})", f"tuple({made})", f"len([*{made}])"])  # fmt: skip
        choices = [f"(-{a})", f"(not {a})", f"({a} if {b} else {self.leaf()})", f"({a} and {b})", f"({a} or {b})", f"fit({a})", f"abs({a})",
                   f"(~{a})", f"({a} < {b} <= {self.leaf()})", f"min({a}, {b})", f"max({a}, {b})", f"int({a})", f"float({a})", f"bool({a})",
                   f"({a}, {b})[{self.pick(['0', '-1', 'x', 'True'])}]", f"divmod({a}, {b})[0]", f"isinstance({a}, int)", f"round({a})",
                   f"[{a}, {b}]", f"({a}, {b})", f"(lambda q: q + {b})({a})", f"[q + 1 for q in ({a}, {b})][0]"]  # fmt: skip
        if self.place == "main":
            choices += [
                "len(xs)",
                "xs[-1]",
                f"xs[{self.leaf()}]",
                f"d.get({a}, {b})",
                "d['k']",
                f"{a} in xs",
                f"{a} in d",
                "next(it, 0)",
            ]
            if "objects" in self.odd:
                choices += [f"(o + {a})", f"({a} * o)", "o.prop", f"o.method({a})", f"o[{a}]", f"o({a})", "len(o)", f"(o == {a})", "bool(o)", "-o",
                            "p.v", f"p.method({a}, {b})", "type(o).level", f"Sub({a}, {b}).v", f"Base({a}).method({b})", f"({a} in o)",
                            "[*o]", "o.missing", f"o.klass({a})"] * 2  # fmt: skip
            if "closures" in self.odd:
                choices += [
                    f"inc({a})",
                    "get()",
                    f"inc({a})",
                    f"compose(inc, {self.pick(['inc', 'abs', 'fit'])})({a})",
                ] * 2
            if "text" in self.odd:
                choices += [f"f'{{{self.leaf()}!r}}-{{{self.pick(self.names)}}}'", "s + 'q'", "s[1:]", "s[::-1]", "str(i)", "s.upper()", "'-'.join((s, 'z'))",
                            f"s.find({self.pick(['s[:1]', chr(39) + 'a' + chr(39)])})", "len(s)", "s * 2", "s == 'ab'", "ord(s[0])", "s[i % 3]",
                            "s[i % 3] == 'b'", "s[-1] != s[0]", "s[i % 2] in 'abq'", "(s[0] in st) + (s[-1] == 'é')"] * 2  # fmt: skip
        return self.pick(choices)

    def call(self, name: str, a: str, b: str) -> str:
        """A call of a function with two parameters, the second with a default, and keyword-only ones."""
        return self.pick([f"{name}({a})", f"{name}({a}, {b})", f"{name}({a}, b={b})", f"{name}({a}, z={b})", f"{name}(*({a}, {b}))",
                          f"{name}({a}, **{{'b': {b}}})", f"{name}(b={a}, a={b})"])  # fmt: skip

    def generator(self, a: str) -> str:
        """A call of a generator function, or a generator expression."""
        if self.generators and self.chance(80):
            made = f"{self.pick(self.generators)}({a}, {self.pick(['1', '2', '3', '4'])})"
            return f"(q for q in {made})" if self.chance(20) else made
        return self.pick(
            [
                f"(q + {self.leaf()} for q in range(3))",
                f"(q for q in (1, {a}, 2.5) if q)",
                "(q * r for q in range(2) for r in (1, q))",
            ]
        )

    def simple(self) -> str:
        """A statement on one line."""
        a = self.expression()
        name = self.pick(self.names)
        choices = [f"{name} = fit({a})", f"{name} = fit({self.expression(3)})", f"{name} = fit({a})", f"{name} {self.pick(['+', '-', '|', '&'])}= {self.leaf()}",
                   "a, b = b, a", f"x, y = y, fit({a})", f"x = y = {self.leaf()}", f"{name} = {self.leaf()}", f"x, *y = {self.leaf()}, a, b",
                   f"if (x := {a}): b = x", f"note({self.leaf()})"]  # fmt: skip
        if "exceptions" in self.odd:
            choices += [f"if {self.expression(1)}: raise Oops({self.leaf()})", f"assert {self.expression(1)}, 'no'", f"x = 1 // {self.leaf()}", "x = [].pop()",
                        "raise Oops(a) from ValueError(b)" if self.chance(20) else "x = {}[a]"]  # fmt: skip
        if "mutation" in self.odd:
            choices += [f"mutate({self.pick(['0', '1', '2', '3', '4', '5', '6', '7'])}, {self.leaf()})"] * 3
            choices += [
                "H.append(1) if len(H) < 9 else H.clear()",
                "note(sys._getframe().f_lineno - sys._getframe().f_code.co_firstlineno)",
            ]
        if "drop" in self.odd:
            choices += [f"{name} = Ends({self.pick(['1', 'G', '(a, b)'])})", f"{name} = None", f"KEPT.append(Ends({self.leaf()})); del KEPT[:-2]",
                        "Ends('gone')", f"{name} = (Ends(1), Ends(2))", f"{name} = [Ends({self.leaf()})]"]  # fmt: skip
        if self.place == "main":
            choices += [
                "xs.append(a)",
                "xs[0] = b",
                "xs = xs[-3:]",
                f"xs[{self.leaf()}] = {self.leaf()}",
                "d['k'] = a",
                f"d[{self.leaf()}] = x",
                "it = iter(xs)",
                "n2 = len(xs)",
            ]
            if "containers" in self.odd:
                choices += ["xs.pop()", "xs.insert(0, x)", "xs[1:2] = [a, b]", "del xs[:1]", "xs.sort(key=shown)", "xs.reverse()", "xs = [*xs, y][:6]", "d.pop('k', 0)",
                            "d = {**d, 'm': a}", "del d['k']", "d |= {i: 1}", "xs += (a,)", "t = tuple(xs)", "xs = list(t)[:4]", "st = {1, x}", "st.add(y)", "x = 1 in st",
                            "x = sorted(d, key=str)", "xs = [q for q in xs if q != a]", "d = {k: v for k, v in list(d.items())[-3:]}", "x, y = t[:2]",
                            "x = xs[i % 4:][:1]", "y = list(zip(xs, t))[:2]", "x = dict(enumerate(xs))", "y = [*map(fit, xs)]", "x, (y, *b) = 1, xs",
                            "xs.extend(t[:2])", "xs = xs[:5]", "xs.clear()"]  # fmt: skip
            if "generators" in self.odd:
                choices += [f"g = {self.generator(a)}", "x = next(g)", "y = next(g, None)", "g.close()", "x = g.send(a)", "x = g.send(None)", "g.throw(Oops(1))",
                            "x = g.gi_frame is None", "x = list(g)", "it = g", f"it = {self.generator(a)}", "g = it", "x = [*g, *g]", "x, y = g",
                            "KEPT.append(g); del KEPT[:-3]", "h = g", "x = next(h, 7)", "g = None; h = None"] * 2  # fmt: skip
            if "closures" in self.odd:
                choices += [f"inc, get = make({a})", "x = get()", f"y = inc({a})", "fs = [lambda q=q: q + i for q in range(3)]", "x = [f() for f in fs][-1:]",
                            "fs = [lambda: i, lambda: x]", "c = inc; inc = fit", f"def local(q, r=a): return q, r, {self.leaf()}", "x = local(i)"]  # fmt: skip
            if "objects" in self.odd:
                choices += [f"o.v = {a}", f"o.w = {a}", "o = Base(a, b)", "o = Sub(a, b)", "o, p = p, o", f"o.prop = {a}", f"o[{a}] = b", "o += a", "x = o.method",
                            "x = x(i)", "del o.w", "o.w = 0", "o.extra = i", "x = o.extra", "x = o", "p = o", "o = copy_of(p)", "x, y = o", "Base.level = a",
                            "o.__class__ = Sub if type(o) is Base else Base"]  # fmt: skip
            if "text" in self.odd:
                choices += [
                    "s = s[-6:] + 'ab'",
                    "s += str(i)",
                    f"s = f'{{i}}{{{self.pick(self.names)}!r:>3}}'[:8]",
                    "x = s.split('a')",
                    "s = ''.join(x)",
                    "s = 'ab'",
                    "s = s[-5:] + 'é'",
                    "s = s[-5:] + 'λ' * (i % 2)",
                    "s = 'ab' + s[0] + s[-1]",
                    "st = {s[-1], 'b'}",
                    "x = s[i % 2]",
                    "x = s.encode()",
                ]
        if self.place == "generator":
            choices += [f"yield {a}", f"yield {self.leaf()}", f"x = yield {a}", f"a = (yield {self.leaf()})"] * 4
            if self.generators:
                choices += [f"yield from {self.generator(self.leaf())}", f"y = yield from {self.generator(a)}"] * 3
        if self.place == "closure":
            choices += ["total = fit(total + a)", "calls += 1"] * 4
        if self.place == "method":
            choices += [f"self.v = {a}", f"x = self.w + {self.leaf()}", "self.w = x"] * 3
        if self.in_loop:
            test = self.expression(1)
            choices += [f"if {test}: break", f"if {test}: continue"]
        if self.place != "main" or self.chance(5):
            choices += [
                f"if {self.expression(1)}: return {'at_end(locals())' if self.place == 'main' else self.leaf()}"
            ]
        return self.pick(choices)

    def block(self, indent: int, depth: int) -> None:
        """A few statements."""
        for _ in range(self.random.choice((1, 1, 2, 3))):
            self.statement(indent, depth)

    def statement(self, indent: int, depth: int) -> None:
        """One statement."""
        self.left -= 1
        kind = self.random.randrange(100)
        if depth > 3 or self.left <= 0 or kind < 50:
            self.line(indent, self.simple())
        elif kind < 64:
            self.line(indent, f"if {self.expression()}:")
            self.block(indent + 1, depth + 1)
            if self.chance(40):
                self.line(indent, "else:")
                self.block(indent + 1, depth + 1)
        elif kind < 70 + 8 * ("exceptions" in self.odd):
            self.guarded(indent, depth)
        elif kind < 80:
            self.line(
                indent, f"with {self.pick(['Manager()', 'Manager(True)', 'Manager() as x', 'Manager(a), Manager(b)'])}:"
            )
            self.block(indent + 1, depth + 1)
        elif kind < 84 and "match" in self.odd:
            self.line(indent, f"match {self.pick(['a', 'x', '(a, b)', '[x, y]', '{1: a}'])}:")
            for case in self.random.sample(
                ["1 | 2", "int(q)", "(q, 1)", "[q, *r]", "float()", "{1: q}", "str(q) if q", "None", "True"], 2
            ):
                self.line(indent + 1, f"case {case}:")
                self.line(indent + 2, self.simple())
            self.line(indent + 1, "case _:")
            self.line(indent + 2, self.simple())
        else:
            self.loop(indent, depth)

    def guarded(self, indent: int, depth: int) -> None:
        """A `try`."""
        self.line(indent, "try:")
        self.block(indent + 1, depth + 1)
        ends = self.chance(40)
        if not ends or self.chance(60):
            for _ in range(self.random.choice((1, 1, 2))):
                name = self.chance(40)
                self.line(indent, f"except {self.pick(ERRORS)}{' as error' if name else ''}:")
                last = self.pick(["x = 1", "raise", "note('caught')", "a = b = 2", "raise Oops(3)", "pass", "y = None"])
                self.line(indent + 1, "note(trail(error))" if name else last)
                if name and self.chance(50):
                    self.line(indent + 1, last)
            if self.chance(20):
                self.line(indent, "else:")
                self.block(indent + 1, depth + 1)
        if ends:
            self.line(indent, "finally:")
            self.block(indent + 1, depth + 1)

    def loop(self, indent: int, depth: int, over: str | None = None) -> None:
        """A loop."""
        outside, self.in_loop = self.in_loop, True
        main = self.place == "main"
        if over is None and self.chance(15):
            self.count += 1
            name = f"n{self.count}"
            self.line(indent, f"{name} = 0")
            self.line(indent, f"while {name} < {self.pick(['3', '4', '2'])}:")
            self.line(indent + 1, f"{name} += 1")
        else:
            choices = [
                "j in range(3)",
                "j in range(4)",
                "x in (1, a, 2.5)",
                "j in range(2, -2, -1)",
                f"x in {self.generator('1')}",
                f"x in {self.generator('a')}",
            ]
            if main:
                choices += ["x in xs[:4]", "j in range(i % 5)", "x, y in zip(xs[:3], (1, 2, 3))", "j, x in enumerate(xs[:3])", "x in reversed(xs[:3])", "x in map(fit, xs[:3])",
                            "k, x in list(d.items())[:3]", "c in s[:3]", "x in sorted(xs[:3], key=shown)", "x in it", "x in iter(lambda: next(it, 1), 1)",
                            "x in (q for q in xs[:3])", "x in [xs, t, s][i % 3][:3]"]  # fmt: skip
                if "containers" in self.odd:
                    choices += ["x in xs", "k in d", "k, x in d.items()", "x in walking(xs)"] * 2
                if "objects" in self.odd:
                    choices += ["x in o", "x in p"] * 2
            self.line(indent, f"for {over or self.pick(choices)}:")
        if main:
            self.line(indent + 1, "steps += 1")
            self.line(indent + 1, "if steps > 400 or len(xs) > 50: return 'steps', at_end(locals())")
        if over is not None and self.chance(80):
            self.line(indent + 1, "try:")
            self.block(indent + 2, depth + 1)
            self.block(indent + 2, depth + 1)
            self.line(indent + 1, "except Exception as error:")
            self.line(indent + 2, "note(i, trail(error))")
            self.line(
                indent + 2,
                self.pick(
                    [
                        "a = i; b = 1",
                        "x = y = 1",
                        "pass",
                        "xs = [1, i, 2]; d = {'k': 1}",
                        "o = p = Base(i, 1)",
                        "a = b = x = y = 3",
                    ]
                ),
            )
        else:
            self.block(indent + 1, depth + 1)
            self.block(indent + 1, depth + 1)
        self.in_loop = outside
        if self.chance(12):
            self.line(indent, "else:")
            self.block(indent + 1, depth + 1)

    def function(self, name: str, kind: str) -> None:
        """A helper or a generator function."""
        self.place, self.in_loop, self.left = kind, False, self.random.choice((2, 3, 5, 8))
        self.names = ["a", "b", "x", "y"]
        self.line(0, "")
        second = self.pick(["2", "G", "None", "1.5"]) if kind == "function" else "2"
        self.line(0, f"def {name}(a, b={second}{', *, z=1' if kind == 'function' else ''}):")
        self.line(1, self.pick(["x = y = 1", "x = a; y = b", "x, y = b, a"]))
        at = 1
        if kind == "generator" and self.chance(25):
            # Whoever lets it end shows.
            self.line(at, "try:")
            at += 1
        if kind == "generator" and self.chance(70):
            within = self.generators and self.chance(25)
            self.line(at, f"for i in {self.generator('a') if within else 'range(b)'}:")
            self.in_loop = True
            item = self.pick(["yield a", "yield i", "x = yield i", "yield (a, i)", "a = yield a", "yield fit(a * i)"])
            self.line(at + 1, "yield i" if within else item)
            self.block(at + 1, 1)
            self.in_loop = False
        elif kind == "function" and self.chance(15):
            self.line(1, f"if isinstance(b, int) and b > 0: return {name}(a, b - 1 if b < 5 else 3)")
        self.block(at, 1)
        if kind == "generator":
            self.line(at, self.pick(["yield x", "return x", "yield from (x, y)"]))
            if at > 1:
                self.line(1, f"finally: note('{name} ends', b)")
            self.generators.append(name)
        else:
            self.line(1, f"return fit({self.expression()})")
            self.functions.append(name)

    def classes(self) -> None:
        """The classes."""
        self.place = "method"
        self.names = ["a", "b", "self.v", "self.w"]
        slots = self.chance(25)
        lines = ["", "class Base:", "    level = 1"]
        if slots:
            lines.append("    __slots__ = ('v', 'w')")
        lines += ["    def __init__(self, v, w=2):", "        self.v = v", "        self.w = w"]

        def method(head: str, body: str) -> None:
            lines.append(f"    def {head}:")
            if self.chance(30):
                lines.append(f"        note({head.split('(')[0]!r})")
            if self.chance(15):
                lines.append(
                    f"        if {self.expression(1)}: raise Oops(a)" if "(self, a" in head else "        self.v = 1"
                )
            lines.append(f"        {body}")

        method("method(self, a, b=1)", f"return fit({self.expression()})")
        lines += [
            "    @property",
            "    def prop(self):",
            f"        return {self.pick(['self.v', 'self.w', '(self.v, self.w)', 'type(self).level'])}",
        ]
        lines += [
            "    @prop.setter",
            "    def prop(self, a):",
            "        self.v = a",
            "    @classmethod",
            "    def klass(cls, a):",
            "        return cls(a).v",
        ]
        for head, body in (
            ("__add__(self, a)", "return Base(fit(self.v + a), self.w)"), ("__radd__(self, a)", "return fit(a + self.v)"), ("__mul__(self, a)", "return self"),
            ("__rmul__(self, a)", "return Base(self.w, a)"), ("__eq__(self, a)", "return self.v == a"), ("__lt__(self, a)", "return self.v < 3"),
            ("__hash__(self)", "return 7"), ("__bool__(self)", "return self.w != 2"), ("__len__(self)", "return 3"), ("__getitem__(self, a)", "return (self.v, self.w)[a]"),
            ("__setitem__(self, a, b)", "self.w = b"), ("__contains__(self, a)", "return a == 1"), ("__call__(self, a)", "return self.v, a"), ("__neg__(self)", "return Base(self.w, self.v)"),
            ("__iadd__(self, a)", "self.v = fit(self.v + a); return self"), ("__iter__(self)", "yield self.v; yield self.w"), ("__getattr__(self, a)", "return note('getattr', a)"),
            ("__index__(self)", "return 1"), ("__del__(self)", "note('del')"),
        ):  # fmt: skip
            if self.chance(55 if head[:7] not in ("__geta", "__del__") else 15):
                method(head, body)
        lines += ["", "class Sub(Base):", "    level = 5"]
        if slots:
            lines.append("    __slots__ = ()")
        if self.chance(60):
            lines += [
                "    def method(self, a, b=3):",
                f"        return super().method({self.pick(['a', 'b', '1'])}), b",
            ]
        if self.chance(40):
            lines += ["    def __init__(self, v, w):", "        super().__init__(w, v)"]
        self.lines += lines

    def program(self) -> str:
        """The program."""
        self.classes()
        for number in range(self.random.randint(1, 3)):
            if self.chance(45 if "generators" in self.odd else 15):
                self.function(f"gen_{number}", "generator")
            else:
                self.function(f"fun_{number}", "function")
        if "generators" in self.odd and not self.generators:
            self.function("gen", "generator")
        self.place, self.names, self.left = "closure", ["a", "total", "calls", "b"], 3
        self.line(0, "")
        self.line(0, "def make(b):")
        self.line(1, "total = b; calls = 0")
        self.line(1, "def inc(a):")
        self.line(2, "nonlocal total, calls, b")
        self.line(2, "calls += 1; total = fit(total + a)")
        self.block(2, 3)
        self.line(2, self.pick(["return total", "return a, calls", f"return fit({self.expression(1)})"]))
        self.line(1, "return inc, lambda: (total, calls)")
        self.lines += [
            "",
            "def compose(f, g):",
            "    return lambda q: f(g(q))",
            "",
            "def copy_of(o):",
            "    return type(o)(o.v, o.w)",
        ]
        self.lines += [
            "",
            "def walking(xs):",
            "    for q in xs:",
            "        if len(xs) < 6: xs.append(q)",
            "        elif len(xs) > 3: xs.pop()",
            "        yield q",
        ]
        target = self.pick(self.functions) if self.functions else "fit"
        self.lines += [
            "", "def mutate(k, a):", f"    global G, {target}", "    if k == 0: G = a", "    elif k == 1: G = G + 1 if isinstance(G, int) else 1",
            "    elif k == 2: Base.level = a", "    elif k == 3: Base.method = other_method if Base.method is BASE_METHOD else BASE_METHOD",
            f"    elif k == 4: {target} = other if {target} is ORIGINAL else ORIGINAL",
            "    elif k == 5: H[:] = [a, 2, a]",
            "    elif k == 6:", "        frame = sys._getframe(1)", "        if 'x' in frame.f_locals: frame.f_locals['x'] = a",
            "    elif k == 7: gc.collect()",
            "", f"ORIGINAL = {target}", "BASE_METHOD = Base.method",
            "def other(a=1, b=2, **rest): return b", "def other_method(self, a=0, b=1): return self.w",
            "", "def reset():", f"    global {target}", f"    {target} = ORIGINAL", "    Base.method = BASE_METHOD; Base.level = 1",
        ]  # fmt: skip
        self.place, self.names, self.in_loop = "main", ["a", "b", "x", "y", "i", "a", "b"], False
        self.left = self.random.choice((4, 7, 10, 14))
        self.line(0, "")
        self.line(0, "def main(n, a, b):")
        self.line(
            1,
            "i = steps = 0; x = a; y = b; xs = [1, a, 2.5]; d = {'k': 1, 2: b}; s = 'abc'; t = (a, b); it = iter((1, 2, 3)); st = {1}",
        )
        self.line(
            1, "o = Base(a, 1); p = Sub(1, b); inc, get = make(1); g = h = (q for q in (1, 2)); fs = []; local = fit"
        )
        self.loop(1, 0, "i in range(n)")
        if self.chance(25):
            self.left = 5
            self.loop(1, 0, "i in range(n)")
        self.line(1, "return at_end(locals()), [sys.getrefcount(q) for q in (o, xs, d, t)]")
        starts = [
            f"({self.pick(SMALL)}, {self.pick(SMALL)})",
            f"({self.pick(EDGES)}, {self.pick(SMALL + FLOATS)})",
            f"({self.pick(FLOATS)}, {self.pick(EDGES + OTHERS)})",
        ]
        head = f"\nTURNS = {self.random.choice((12, 16, 24, 40))}\nSTARTS = [{', '.join(starts[: self.random.choice((1, 2, 2, 3))])}]\n"
        return PRELUDE + "\n".join(self.lines) + "\n" + head + RUN


def program(random: random.Random) -> str:
    """A program."""
    return Writer(random).program()


if __name__ == "__main__":
    print(program(random.Random(int(sys.argv[1]))))
