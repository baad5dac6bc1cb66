"""Strings and bytes, methods of builtin types, builtin functions of containers: at their edges, and where Python
code takes part.
"""

import sys

from common import show


class MyStr(str):
    def __eq__(self, other):
        MyStr.asked += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__
    asked = 0

    def __format__(self, spec):
        return f"<{str(self)}>"


class Thing:
    def __init__(self, value):
        self.value = value

    def __repr__(self):
        return f"Thing({self.value})"

    def __eq__(self, other):
        Thing.asked += 1
        return isinstance(other, Thing) and self.value == other.value

    def __lt__(self, other):
        return self.value < other.value

    def __hash__(self):
        return hash(self.value)

    asked = 0


class Loud:
    log = []

    def __init__(self, value):
        self.value = value

    def __del__(self):
        Loud.log.append(self.value)


def indexes(text, n):
    out = []
    for i in range(n):
        k = i % 11 - 5
        try:
            out.append(text[k])
        except IndexError as error:
            out.append(str(error))
    return out[:12], len(out)


def grows(n):
    s = ""
    for i in range(n):
        s += "ab"
        s = s + "c"
    t = ""
    for i in range(n):
        t += chr(97 + i % 26)
        u = t
        t += "é" if i % 50 == 0 else "x"
    v = "start"
    for i in range(n):
        keep = v
        v += v
        v = v[:9]
    return len(s), s[-5:], len(t), t[-4:], u[-4:], v, keep


def helper(n):
    s = ""
    for i in range(n):
        s += "z"
    return s


def grows_in_calls(n):
    total = 0
    for i in range(n):
        total += len(helper(i % 7))
    return total


def aliases(n):
    out = []
    for i in range(n):
        s = "a" + str(i)
        t = s
        s += "b"
        out.append((s, t, sys.getrefcount(t) > 1))
    return out[-2:]


def interned(n):
    names = {}
    for i in range(n):
        s = "attr"
        s += str(i % 3)
        s = sys.intern(s)
        names[s] = i
        s += "x"
        names[s] = i
    return sorted(names.items())


def compares(n):
    words = ["apple", "pear", "fig", "", "apple", "Äpfel", "fig\0"]
    out = [0] * 6
    for i in range(n):
        a, b = words[i % 7], words[i * 3 % 7]
        out[0] += a == b
        out[1] += a != b
        out[2] += a < b
        out[3] += a <= b
        out[4] += a > b
        if a >= b:
            out[5] += 1
    return out


def compares_others(n):
    things = [(1, 2), (1, "x"), [1, 2], [1, 3], None, b"x", b"y", 1, 1.0, True, "1"]
    total = 0
    errors = 0
    for i in range(n):
        a, b = things[i % 11], things[i * 7 % 11]
        total += (a == b) + 2 * (a != b)
        try:
            total += 4 * (a < b)
        except TypeError as error:
            errors += 1
            text = str(error)
    return total, errors, text


def compares_odd(n):
    Thing.asked = 0
    a = [Thing(1), 2]
    b = [Thing(1), 2]
    total = 0
    for i in range(n):
        total += a == b
        total += (Thing(1), 1) == (Thing(1), 1)
        total += Thing(2) in a
        total += 2 in a
        total += "x" in [MyStr("x")]
    return total, Thing.asked > n, MyStr.asked > n


def membership(n):
    text, listed, packed = "hello world", ["a", "b", 1, 2.5, None], ("x", 1, (1, 2))
    total = 0
    for i in range(n):
        total += "wor" in text
        total += "xyz" not in text
        total += "" in text
        total += i % 3 in listed
        total += 2.5 in listed
        total += (1, 2) in packed
        total += "b" in listed
        total += i in (1, 2, 3)
        total += i % 5 in [1, 2, 3]
    return total


def methods(n):
    out = None
    for i in range(n):
        s = "  The quick,brown fox  "
        out = (
            s.strip(),
            s.lstrip(),
            s.rstrip(" x"),
            s.split(),
            s.split(","),
            s.split(None, 1),
            s.upper(),
            s.lower(),
            s.replace("quick", "slow"),
            s.replace("o", "0", 1),
            s.find("fox"),
            s.find("cat"),
            s.find("o", 15),
            s.count("o"),
            s.startswith("  The"),
            s.endswith(("x", "  ")),
            s.partition(","),
            s.isdigit(),
            str(i).isdigit(),
            "a1".isalnum(),
            " ".isspace(),
            ",".join(["a", "b", s]),
            "-".join(("x", "y")),
            "".join(s),
            str(i % 100).zfill(5),
            "ab".center(7, "*"),
            "x".ljust(3) + "|",
            "abc".encode(),
            b"a,b".split(b","),
            b"abc".decode(),
            b"abc".find(b"c"),
            "aXbX".rsplit("X", 1),
            "lines\nof\ntext".splitlines(),
            "prefix-x".removeprefix("prefix-"),
        )
    return out


def bound_methods(n):
    out = []
    add = out.append
    join = ",".join
    seen = set()
    put = seen.add
    table = {}
    get = table.get
    for i in range(n):
        add(i % 3)
        put(i % 5)
        if get(i % 7) is None:
            table[i % 7] = join(["a", str(i % 7)])
    return len(out), seen, table


def dict_methods(n):
    d = {}
    out = 0
    for i in range(n):
        k = f"k{i % 13}"
        d.setdefault(k, []).append(i)
        out += len(d.get(k))
        out += d.get("none", 7)
        if d.get("none") is None:
            out += 1
        if i % 20 == 19:
            out += len(d.pop(k))
            d.pop("nothing", None)
            out += d.pop("nothing", 3)
    keys = []
    for i in range(n):
        keys = list(d.keys())
        values = list(d.values())
        items = list(d.items())
        e = dict(d)
        f = d.copy()
        e.update(f)
        e.update({"z": 1})
        f.clear()
    return out, keys, len(values), len(items), len(e), f


def pops(n):
    d = {"a": 1}
    seen = 0
    for i in range(n):
        try:
            d.pop("b")
        except KeyError as error:
            seen += 1
            last = error.args
    Loud.log.clear()
    for i in range(n):
        d["x"] = Loud(i)
        d.pop("x")
        d["y"] = [Loud(-i)]
        d.clear()
    return seen, last, len(Loud.log), Loud.log[:4]


def set_methods(n):
    a, b = {1, 2, 3}, {3, 4, "x"}
    s = set()
    out = None
    for i in range(n):
        s.add(i % 10)
        s.discard(i % 4)
        if i % 10 == 9:
            s.remove(9)
        out = (a | b, a & b, a - b, a ^ b, frozenset(a) | b, set(a), set("abc"), s.copy(), frozenset([1, 2]))
        s.update([1, 2, 5])
        s |= {7}
        try:
            s.remove("gone")
        except KeyError as error:
            last = error.args
    return [sorted(x, key=str) for x in out], last


def list_methods(n):
    out = None
    for i in range(n):
        a = [3, 1, 2, i % 4]
        a.sort()
        b = a.copy()
        b.reverse()
        a.extend(b)
        a.extend(range(2))
        a.extend(x for x in (7, 8))
        a.extend(zip("ab", [1, 2]))
        c = [5] * 3
        c += (1, 2)
        c += "xy"
        d = a.index(3), a.count(2)
        c.remove(5)
        e = a + c
        f = (1, 2) + (3,)
        g = 2 * [0]
        h = ("x",) * (i % 3)
        k = "ab" * (i % 4)
        c.clear()
        out = (a, b, c, d, e, f, g, h, k)
    return out


def sorts(n):
    things = [Thing(3), Thing(1), Thing(2)]
    out = None
    for i in range(n):
        a = sorted([i % 7, 3, 5])
        b = sorted("hello")
        c = sorted({"b": 1, "a": 2})
        d = sorted(things)
        e = sorted([3, 1, 2], reverse=True)
        f = min([4, 2, 9]), max((4, 2, 9)), sum([1, 2, i]), sum([0.5, 1]), sum([[1]], [])
        g = any([0, "", i]), all([1, "x", i]), min("hello"), max(things)
        try:
            h = sorted([1, "x"])
        except TypeError as error:
            h = str(error)
        out = (a, b, c, d, e, f, g, h)
    return out


def builtins(n):
    out = None
    for i in range(n):
        out = (
            ord("a"),
            ord("€"),
            chr(i % 1000),
            repr("it's"),
            repr(1.5),
            repr([1, "a", (2,)]),
            str(i),
            str(2.5),
            str(None),
            str(),
            str("s"),
            int("12"),
            int(" -7 "),
            int("ff", 16),
            float("1e3"),
            hex(i % 300),
            bin(5),
            divmod(i, 7),
            round(2.567, 2),
            hash("a") == hash("a"),
            hash(i % 100),
            id(None) == id(None),
            list((1, 2)),
            list("ab"),
            tuple([1, 2]),
            tuple(range(3)),
            list(zip("ab", [1, 2])),
            list(reversed([1, 2, 3])),
            list(enumerate("ab", 1)),
            dict(),
            list(),
            set(),
            bytes(3),
            bytes(b"x"),
            bytearray(b"yz"),
            list(range(3, 0, -1)),
            (7).bit_length(),
            (1.5).is_integer(),
            "%s-%d-%.2f" % ("a", i, 1.5),
            "%r" % ("x",),
            "%5d|" % 42,
        )
    return out


def wrong_arguments(n):
    texts = set()
    for i in range(n):
        for function in (
            lambda: int("x"),
            lambda: ord("ab"),
            lambda: chr(-1),
            lambda: "a".join([1]),
            lambda: "abc".index("z"),
            lambda: "%d" % "x",
            lambda: float("one"),
        ):
            try:
                function()
            except (ValueError, TypeError) as error:
                texts.add(f"{type(error).__name__} {error}")
    return sorted(texts)


def wrong_here(n):
    seen = []
    for i in range(n):
        try:
            if i % 3 == 0:
                int("x")
            elif i % 3 == 1:
                ",".join(["a", i])
            else:
                "abc".index("z")
        except (ValueError, TypeError) as error:
            seen.append(str(error))
    return len(seen), seen[-3:]


def nexts(n):
    out = 0
    for i in range(n):
        it = iter([1, 2, 3])
        out += next(it)
        out += next(it)
        out += next(it, 10)
        out += next(it, 10)
        try:
            next(it)
        except StopIteration:
            out += 100
    return out


def formats(n):
    out = None
    for i in range(n):
        x = i / 7
        out = (
            f"{i}",
            f"{x}",
            f"{i}-{x:.3f}",
            f"{'a'}{i!r}{'b'!r}",
            f"{i:>8}|{i:<8}|{'t':^7}",
            f"{x:{5}.{2}}",
            f"{None} {True} {b'x'} {1 + 2j}",
            f"{[i, 1]} {(i,)}",
            f"{MyStr('m')} {Thing(i % 5)}",
            f"é{i}€{'𝄞'}",
            f"{i:,}",
            f"{'x'!s:>3}{'é'!a}",
        )
        try:
            f"{i:s}"
        except ValueError as error:
            last = str(error)
    return out, last


def truths(n):
    total = 0
    for i in range(n):
        for x in ({}, {1: 2}, set(), {1}, "", "a", [], [0], None, (), frozenset()):
            if x:
                total += 1
            total += 10 * (not x)
    return total


def unpacks(n):
    out = None
    for i in range(n):
        a, *b = [1, 2, i]
        *c, d = (1, 2, i)
        e, *f, g = [1, 2]
        h, *k, m = "abc"
        x, y, z = "xyz"
        out = (a, b, c, d, e, f, g, h, k, m, x, y, z)
        try:
            p, *q, r = [i]
        except ValueError as error:
            last = str(error)
    return out, last


def bytearrays(n):
    data = bytearray()
    for i in range(n):
        data.append(i % 256)
        if i % 10 == 9:
            data.extend(b"xy")
            data.pop()
        if len(data) > 50:
            data.clear()
    try:
        data.append(256)
    except ValueError as error:
        last = str(error)
    return bytes(data), last


def references(n):
    text, item = "text" * 3 + str(n), ["item"]
    d = {text: item}
    counts = sys.getrefcount(text), sys.getrefcount(item)
    for i in range(n):
        a = d.get(text)
        b = text.strip()
        c = text + "x"
        e = [text, text]
        f = ",".join(e)
        g = f"{text}{text}"
        h = text in d
        k = d.setdefault(text, None)
        m, *o = [text, item, item]
        p = text == "other"
        q = list(d.values())
        r = item in [item]
        s = text % () if False else text
        t = sorted([text, text])
        u = d.get("x", item)
        v = text[3]
        w = [item] + [item]
        x = (item,) * 3
        y = next(iter([item]))
    del a, b, c, e, f, g, h, k, m, o, p, q, r, s, t, u, v, w, x, y
    return [sys.getrefcount(x) - y for x, y in zip((text, item), counts)]


N = 300
show(indexes, "hello", N)
show(indexes, "hé€𝄞o", N)
show(indexes, "", N)
for function in (
    grows,
    grows_in_calls,
    aliases,
    interned,
    compares,
    compares_others,
    compares_odd,
    membership,
    methods,
    bound_methods,
    dict_methods,
    pops,
    set_methods,
    list_methods,
    sorts,
    builtins,
    wrong_arguments,
    wrong_here,
    nexts,
    formats,
    truths,
    unpacks,
    bytearrays,
    references,
):
    show(function, N)
    show(function, N)
