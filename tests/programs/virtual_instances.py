"""Instances that live for an expression, a call or a turn: all by which a program could see that they were not made."""

import copy
import gc
import sys
import weakref
from dataclasses import dataclass

N = 400


class Vec:
    scale = 1
    made = 0

    def __init__(self, x, y, z=0):
        self.x = x
        self.y = y
        self.z = z

    def __add__(self, other):
        if not isinstance(other, Vec):
            return NotImplemented
        return Vec(self.x + other.x, self.y + other.y, self.z + other.z)

    def __sub__(self, other):
        return self + other * -1

    def __mul__(self, factor):
        if type(factor) is Vec:
            return self.x * factor.x + self.y * factor.y + self.z * factor.z
        return Vec(self.x * factor, self.y * factor, self.z * factor)

    def __neg__(self):
        return Vec(-self.x, -self.y, -self.z)

    def __iadd__(self, other):
        self.x += other.x
        self.y += other.y
        self.z += other.z
        return self

    def __eq__(self, other):
        return isinstance(other, Vec) and (self.x, self.y, self.z) == (other.x, other.y, other.z)

    def __lt__(self, other):
        return self.x < other.x

    __hash__ = None

    def norm(self):
        return (self * self) ** 0.5

    @property
    def sum(self):
        return self.x + self.y + self.z

    @classmethod
    def unit(cls, at):
        return cls(at == 0, at == 1, at == 2)

    @staticmethod
    def of(number):
        return Vec(number, number, number)

    def scaled(self):
        return self * self.scale


def show(name, *values):
    print(name, *values)


def expressions():
    a, b = Vec(1, 2, 3), Vec(0.5, 0.25, 0.125)
    ints, floats, mixed = 0, 0.0, 0.0
    for i in range(N):
        ints += (a * i + a - a * 3) * a
        floats += (b + b * (i * 0.5) - b * 0.25).norm()
        mixed += (a + b * i).sum + (-(a * i)).x
    show("expressions", ints, floats, mixed)


def large():
    a, total = Vec(1 << 61, 3, 5), 0
    for i in range(N):
        total += (a * i + a).x + (a + a).sum
    show("large", total)


def locals_of_the_loop():
    a, b = Vec(1, 2, 3), Vec(0.5, 0.25, 0.125)
    total = 0
    for i in range(N):
        v = a + b * i
        w = v - a
        total += w * v
        if i % 100 == 7:
            show("locals", v.x, w.sum, vars(v))
    show("locals of the loop", total, vars(v), vars(w), v == v, v is v, v is w)


def carried():
    p, v = Vec(0.0, 1.0, 2.0), Vec(0.01, 0.02, -0.03)
    for i in range(N):
        p = p + v
        if p.x > 2.0:
            p = Vec(0.0, p.y, p.z)
    show("carried", vars(p))
    q, before = Vec(0, 0, 0), None
    for i in range(N):
        before, q = q, q + Vec.of(i)
    show("carried two", vars(before), vars(q), before is q)
    r = same = Vec(1, 1, 1)
    for i in range(N):
        r = same = r + Vec(1, 0, 0)
    show("carried twice", r is same, vars(r))
    s = Vec(1, 1, 1)
    t = s
    for i in range(N):
        s = Vec(s.y, s.x, i)
        if i % 50 == 0:
            t = s
    show("carried at times", s is t, vars(s), vars(t))
    types = Vec(0, 0, 0)
    for i in range(N):
        types = Vec(i, float(i), str(i) if i % 37 == 0 else None)
    show("carried types", vars(types))


def escapes():
    kept, table, text = [], {}, ""
    for i in range(N):
        v = Vec(i, i + 1) * 2
        if i % 50 == 3:
            kept.append(v)
            table[i] = v
            show("escapes", v in kept, kept[-1] is table[i], kept[-1] is v)
        if i % 90 == 5:
            text += f"{v.x!r},{v.sum};"
    show("escapes", [vars(v) for v in kept], text)
    kept = [Vec(i, -i) for i in range(30)]
    for i in range(N // 10):
        kept.sort(key=lambda v: (v + Vec(0, i)).y % 7)
        kept[i % 30] = kept[i % 30] + Vec(1, 1)
    show("sorted", [v.x for v in kept])
    pairs = []
    for i in range(N):
        both = (Vec(i, 1), Vec(i, 2))
        first, second = both
        if i % 80 == 2:
            pairs.append(both)
            show("pairs", both[0] is first, pairs[-1][1] is second)
        first.x += second.y
    show("pairs", [(vars(a), vars(b)) for a, b in pairs])
    cell = None

    def look():
        return vars(cell)

    for i in range(N):
        cell = Vec(i, 2) + Vec(1, 1)
        if i % 120 == 6:
            show("cell", look())


class Sparse:
    """Attributes that come in different orders, or not at all."""

    first = "class"

    def __init__(self, i):
        if i % 3 == 0:
            self.a = i
        self.b = i + 1
        if i % 5 == 0:
            self.c = i + 2
        if i % 3 == 1:
            self.a = -i
        if i % 7 == 0:
            self.first = "instance"


def orders():
    total = 0
    for i in range(N):
        s = Sparse(i)
        total += s.b + getattr(s, "a", 100) + (0 if s.first == "class" else 1)
        if i % 41 == 0:
            show("orders", list(vars(s)), s.first)
    show("orders", total)
    missing = 0
    for i in range(N):
        s = Sparse(i)
        try:
            missing += s.c
        except AttributeError as error:
            missing += len(str(error))
    show("missing", missing)
    for i in range(N):
        s = Sparse(i)
        s.first = i
        if i % 97 == 0:
            del s.b
            show("deleted", vars(s), hasattr(s, "b"), s.first)


class Node:
    def __init__(self, left, right):
        self.left = left
        self.right = right

    def both(self):
        return self.left, self.right


def carried_objects():
    words = [f"word {k}" * k for k in range(7)]
    lists = [[k] for k in range(5)]
    total, last, best = 0, None, Node("", 0)
    for i in range(N):
        token = Node(words[i % 7], i % 100)
        if token.left != words[3]:
            total += len(token.left) + token.right
        if token.right > best.right:
            best = token
        if i % 57 == 0:
            last = token
            show("carried objects", vars(last), vars(best), last is best, token is best)
    show("carried objects", total, vars(last), vars(best), vars(token))
    one, two = Node(lists[0], lists[1]), Node(lists[2], lists[2])
    for i in range(N):
        one, two = two, Node(one.right, lists[i % 5])
        one.left = two.right
        two.right.append(i)
        if len(two.right) > 20:
            del two.right[3:]
    show("carried lists", vars(one), vars(two), one.left is two.right, [sys.getrefcount(one) for one in lists])
    kept, both = lists[3], None
    for i in range(N):
        both = Node(kept, kept)
        kept = both.left if i % 3 else lists[i % 5]
        both.right = (kept, i) if i % 111 == 5 else kept
    show("carried twice", vars(both), both.left is kept, [sys.getrefcount(one) for one in lists])
    kind = None
    for i in range(N):
        kind = Node(kind if i % 50 == 0 else None, (i, str(i), None, 0.5, True)[i // 100])
        if i % 99 == 1:
            kind = Node(kind, kind.right)
        kind = Node(None, kind.right)
    show("carried kinds", vars(kind))
    for i in range(N):
        ends = Node(Quiet(i), lists[i % 5])
        if i % 2:
            ends.left = Quiet.ended
    show("carried ends", vars(ends), [sys.getrefcount(one) for one in lists])


def identities():
    total, kept = 0, Node(0, 0)
    for i in range(N):
        one, two = Node(i, 1), Node(i, 1)
        same = one
        total += (one == two) + (one == same) * 2 + (one != two) * 4 + (kept == one) * 8 + (two != kept) * 16
        total += 1 if one else 2
        total += (not two) + (one is same) + (one in (two, same)) + (one == i) + (two != i)
        chain = Node(Node(Node(None, 1), 2), i)
        while chain:
            total += chain.right
            chain = chain.left
        if i % 77 == 3:
            kept = two
    show("identities", total, kept.left)


class Ray:
    def __init__(self, origin, direction, note=None):
        self.origin = origin
        self.direction = direction
        self.note = note

    def at(self, t):
        return self.origin + self.direction * t


def carried_within():
    total, eye, words = 0, Vec(0.0, 1.0, -5.0), ["one", "two", "three"]
    for i in range(N):
        ray = Ray(eye, Vec(i * 0.5, 0.5, 1.0), words[i % 3])
        total += ray.at(2.0) * ray.direction
        if i % 123 == 7:
            show("carried within", vars(ray.direction), ray.origin is eye, ray.note)
    show("carried within", total, vars(ray.direction), ray.note)
    ray = Ray(Vec(0, 0, 0), Vec(1, 2, 3))
    for i in range(N):
        p, d = ray.at(1), ray.direction
        if p.x > 10 or p.x < 0:
            d = Vec(-d.x, d.y, d.z)
        ray = Ray(p, d, words[i % 3] if i % 7 else d)
        if i % 100 == 50:
            show("bounces", vars(p), ray.origin is p, ray.direction is d, ray.note is d)
    show("bounces", vars(ray.origin), vars(ray.direction), ray.origin is p, ray.direction is d, type(ray.note))
    one = two = Vec(1, 1, 1)
    for i in range(N):
        pair = Ray(one, two)
        one, two = pair.direction, pair.origin + Vec(i, 1, 0)
        pair.origin = two
        if i % 90 == 30:
            one.x = 7
            pair.note = pair.direction
    show("carried pairs", vars(one), vars(two), pair.origin is two, pair.direction is one, pair.note is one)
    deep = None
    for i in range(N):
        deep = Ray(Ray(Ray(Vec(i, 1), Vec(2, i)), i), i)
        total += deep.origin.origin.origin.x
        tree = Ray(deep.origin, deep.origin)
        if i % 150 == 3:
            show("deep", tree.origin is tree.direction, tree.origin.origin is deep.origin.origin)
    show("deep", total, vars(deep.origin.origin.direction), tree.origin is deep.origin)
    lists = [[k] for k in range(3)]
    for i in range(N):
        inner = Ray(lists[i % 3], i)
        outer = Ray(inner, lists[i % 3])
        outer.origin.note = outer.direction
        total += len(inner.note) + inner.direction
        if i % 140 == 9:
            lists[0] = outer
            show("in a list", lists[0].origin is inner, lists[0].direction is inner.note)
            lists[0] = [i]
    show("within lists", total, outer.origin is inner, inner.note, [sys.getrefcount(one) for one in lists])


class Noisy:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        print("end of", self.name)


def nested():
    total = 0
    for i in range(N):
        tree = Node(Node(i, i + 1), Node((i, 2), Vec(i, i)))
        inner, other = tree.both()
        total += inner.left + other.left[0] + other.right.sum + tree.left.right
        if i % 99 == 0:
            show("nested", tree.left is inner, vars(tree.right.right), tree.right.left)
    show("nested", total, vars(inner))
    for i in range(N):
        loop = Node(i, None)
        loop.right = loop
        if i % 133 == 1:
            show("cycle", loop.right.right is loop, loop.right.left)
        one, two = Node(1, None), Node(2, None)
        one.left, two.left = two, one
        if i % 133 == 2:
            show("cycle of two", one.left.left is one)
        chain = Node(Node(None, i), 0)
        chain.left.left = chain
        if i % 133 == 3:
            show("cycle within", chain.left.left is chain, chain.left.right)
        pair = (Node(i, 1), i)
        pair[0].right = pair
        if i % 133 == 4:
            show("cycle of a tuple", pair[0].right is pair)
    gc.collect()


def ends():
    for i in range(N):
        if i % 100 > 1:
            Node(i, [i]).left
            continue
        holder = Node(Noisy(f"first {i}"), Noisy(f"second {i}"))
        print("replace")
        holder.left = None
        print("replaced")
        holder = None
        print("let go")
        Node(Noisy(f"temporary {i}"), 0).right
        print("after it")
    lists = [[k] for k in range(5)]
    for i in range(N):
        holder = Node(lists[i % 5], [])
        holder.right.append(i)
        holder.left = holder.right
        holder.right = None
    show("ends", lists, vars(holder), [sys.getrefcount(one) - sys.getrefcount(lists[0]) for one in lists])
    value = object()
    before = sys.getrefcount(value)
    for i in range(N):
        holder = Node(value, value)
        holder.right = holder.left
    show("references", sys.getrefcount(value) - before, sys.getrefcount(holder) == sys.getrefcount(lists[1]))


class Quiet:
    ended = 0

    def __init__(self, i):
        self.i = i

    def __del__(self):
        Quiet.ended += self.i


def exits_that_are_taken_often():
    total = 0
    for i in range(5 * N):
        holder = Node(Quiet(1), 0)
        other = Node(i, holder.right)
        if i % 3 == 0:
            total += other.left * Quiet.ended
        total += holder.left.i
        holder = Node(i, 0)
        total += holder.left + sys.getrefcount(holder)
    show("often", total, Quiet.ended)


class Ending:
    def __init__(self, i):
        self.i = i


def a_finalizer_comes_later():
    seen = []
    for i in range(N):
        e = Ending(i)
        if i == N // 2:
            Ending.__del__ = lambda self: seen.append(self.i)
        e = None
    del Ending.__del__
    show("finalizer later", len(seen), seen[:3])


def classes_change():
    total = 0
    for i in range(N):
        v = Vec(i, 1, 1)
        if i == N // 2:
            Vec.scale = 3
        if i == N // 2 + 20:
            v.scale = 5
        if i == N // 2 + 40:
            v.__class__ = Node
            show("class", type(v).__name__, vars(v))
            continue
        total += v.scaled().x
    Vec.scale = 1
    show("classes change", total)


def weak():
    alive = 0
    for i in range(N):
        v = Vec(i, i)
        if i % 20 == 0:
            w = weakref.ref(v)
            alive += w() is v
            v = None
            alive += w() is None
    show("weak", alive)


class Failing:
    def __init__(self, i):
        self.i = i
        self.rest = 10 // (i % 50)


def fails():
    total = 0
    for i in range(N):
        try:
            total += Failing(i).rest
        except ZeroDivisionError as error:
            frame = error.__traceback__.tb_next.tb_frame
            show("fails", vars(frame.f_locals["self"]), error.__traceback__.tb_next.tb_lineno - 0 > 0)
            total += 1
    show("fails", total)


class Looker:
    def __init__(self, i):
        self.i = i
        if i % 100 == 9:
            caller = sys._getframe(1)
            show("looker", vars(self), sorted(caller.f_locals), self is sys._getframe(0).f_locals["self"])
        self.j = i + 1

    def look(self):
        return vars(self) if self.i % 100 == 11 else None

    def names(self):
        if self.i % 100 == 13:
            show("names", sorted(locals()), self.__dict__)
        return self.j


def lookers():
    total = 0
    for i in range(N):
        it = Looker(i)
        total += it.names()
        seen = it.look()
        if seen is not None:
            show("seen", seen, seen is vars(it))
    show("lookers", total)


@dataclass
class Point:
    x: int
    y: int = 7

    def moved(self, dx=0, *, dy=0):
        return Point(self.x + dx, y=self.y + dy)


class Base:
    def __init__(self, *args, **named):
        self.args = args
        self.named = named


class Derived(Base):
    def __init__(self, i):
        super().__init__(i, i + 1, k=i)
        self.own = i

    def __bool__(self):
        return self.own % 3 > 0

    def __len__(self):
        return self.own

    def __getitem__(self, at):
        return self.args[at]

    def __contains__(self, value):
        return value in self.args

    def __call__(self, k):
        return self.own + k

    def __getattr__(self, name):
        return f"no {name}"


def kinds():
    total, truths = 0, 0
    for i in range(N):
        p = Point(i).moved(1, dy=i).moved(dx=2)
        total += p.x * 2 + p.y
        if p == Point(i + 3, 7 + i):
            truths += 1
        if i % 111 == 0:
            show("point", p, p == Point(3, 7), copy.copy(p), repr(Point(i)))
    show("points", total, truths)
    total = 0
    for i in range(N):
        d = Derived(i)
        total += 1 if d else 2
        total += len(d) + d[0] + d(3) + (i in d) + (not d)
        if i % 111 == 0:
            show("derived", d.args, d.named, d.nothing, isinstance(d, Base), type(d) is Derived)
    show("derived", total)
    total = 0
    for i in range(N):
        total += Vec.unit(i % 3).y + Vec.of(i).sum + (Vec(i, 2) < Vec(200, 1))
        try:
            Vec(i, 1) + i if i % 100 == 0 else None
        except TypeError as error:
            show("unsupported", error)
    show("class methods", total)
    total = Vec(0, 0, 0)
    for i in range(N):
        total += Vec(i, 1, 0.5)
    show("in place", vars(total))


class Slotted:
    __slots__ = ("b", "a")

    def __init__(self, a, b=None):
        self.a = a
        if b is not None:
            self.b = b

    def __add__(self, other):
        return Slotted(self.a + other.a, getattr(self, "b", 0) + other.b)


class MoreSlots(Slotted):
    __slots__ = ("c",)

    def total(self):
        self.c = self.a + self.b
        return self.c


class WithWeak(Slotted):
    __slots__ = ("__weakref__",)


class WithDict(Slotted):
    pass


def slots():
    total, at = 0, Slotted(0, 0)
    for i in range(N):
        s = Slotted(i, i + 1)
        at = Slotted(at.a + s.b, at.b - s.a)
        total += (s + Slotted(1, 2)).a + MoreSlots(i, 2).total()
        w, d = WithWeak(i, 1), WithDict(i, 2)
        d.extra = w.a
        total += d.extra + d.b
        if i % 80 == 7:
            kept = MoreSlots(i)
            show("slots", kept.a, hasattr(kept, "b"), weakref.ref(w)() is w, vars(d), hasattr(kept, "__dict__"))
        if i % 90 == 8:
            try:
                total += Slotted(i).b
            except AttributeError as error:
                show("slots", error, error.obj.a)
            try:
                s.c = 1
            except AttributeError as error:
                show("slots", error)
            del s.a
            show("slots", hasattr(s, "a"), s.b)
    show("slots", total, at.a, at.b)


def local_classes():
    total = 0
    for i in range(N // 4):

        class Local:
            def __init__(self, k):
                self.k = k

        one, made = Local(i), (Local, Vec)[i % 2](i, *[1] * (i % 2))
        Local = None
        if i % 10 == 0:
            gc.collect()
        total += one.k + getattr(made, "k", 0)
        if i % 30 == 0:
            show("local class", type(one).__name__, type(made).__name__)
    show("local classes", total)


def add_up(v, depth):
    if depth == 0:
        return v
    return add_up(v + Vec(1, depth), depth - 1)


def visit(node, depth):
    if depth == 0:
        return Node(depth, node.left + 1)
    one, two = visit(Node(node.left + 1, node), depth - 1), visit(Node(node.left, node), depth - 1)
    return Node(one.left + two.left + depth, one)


def recursion():
    total = 0
    for i in range(N // 4):
        total += add_up(Vec(i, 0), 9).sum
    show("recursion", total, vars(add_up(Vec(0, 0), 3)))
    for i in range(8):
        total += visit(Node(i, None), 5).left
    show("visited", total)


def steps(n):
    at = Vec(0, 0)
    for i in range(n):
        step = Vec(i, 1)
        at = at + step
        yield at if i % 3 else step


def generators():
    total = 0
    for v in steps(N):
        total += v.sum
    total += sum((v * 2).x for v in steps(N)) + max(Vec(i, i % 7).y for i in range(N))
    show("generators", total, [vars(v) for v in steps(4)], [Vec(i, i).sum for i in range(4)])


def loops_in_loops():
    total = 0
    for i in range(40):
        origin = Vec(i, i)
        best = Vec(-1, 0)
        for j in range(25):
            v = origin + Vec(j, -j)
            if v.x * v.y > best.x:
                best = Vec(v.x * v.y, j)
            while v.x > 20:
                v = v - Vec(7, 0)
            total += v.x
        total += best.x + best.y + origin.z
    show("loops in loops", total, vars(best))


def exits():
    total = 0
    for i in range(N):
        v = Vec(i, i * 2)
        w = v + v
        k = i % 60
        if k == 11:
            total += len(str(w.x))
        elif k == 17:
            total += hash((v.x, w.y)) % 7
        elif k == 23:
            v.x = "text"
            total += len(v.x)
        elif k == 29:
            w.extra = i
            total += len(vars(w))
        elif k == 31:
            setattr(v, "y", 0.5)
            total += v.y
        elif k == 37:
            w = None
        total += v.z
    show("exits", total)


for _ in range(2):
    expressions()
    large()
    locals_of_the_loop()
    carried()
    carried_objects()
    carried_within()
    identities()
    escapes()
    orders()
    nested()
    ends()
    exits_that_are_taken_often()
    a_finalizer_comes_later()
    classes_change()
    weak()
    fails()
    lookers()
    kinds()
    slots()
    local_classes()
    recursion()
    generators()
    loops_in_loops()
    exits()
