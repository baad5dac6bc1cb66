"""Generators that functions in C ask for items, or others by hand: their loops are traces that end at the `yield`."""

from __future__ import annotations

import csv
import heapq
import io
import itertools
import sys
from collections import deque
from functools import reduce

from common import show

TURNS = 60
SIZE = 40


class Point:
    """With enough to do for one item."""

    def __init__(self, x, y):
        self.x, self.y = x, y

    def moved(self, dx, dy):
        return Point(self.x + dx, self.y + dy)

    def length(self):
        return self.x * self.x + self.y * self.y


POINTS = [Point(i, i * 0.5) for i in range(SIZE)]


def lengths(points, least=0.0):
    """Several ways through one turn: some yield, some do not."""
    count = 0
    for point in points:
        away = point.moved(1, -0.25).moved(count, 0.5)
        count += 1
        if count % 7 == 0:
            continue
        if away.length() < least:
            yield -1
        elif count % 3:
            yield away.length()
        else:
            yield count, away.x
            count += 0.5


def words(points):
    for point in points:
        text = f"<{point.x}"
        if point.x % 4 == 0:
            text += " even"
        yield text + ">"


def pairs(points):
    for point in points:
        away = point.moved(2, 2)
        yield point.x % 11, away.length()


def lists():
    seen = []
    for i in range(TURNS):
        seen.append(repr(list(lengths(POINTS, i))))
    return len(set(seen)), seen[0], seen[-1]


def joined():
    return {"".join(list(words(POINTS))) for _ in range(TURNS)}, {"+".join(words(POINTS)) for _ in range(TURNS)}


def dicts():
    found = {}
    for _ in range(TURNS):
        found.update(pairs(POINTS))
        found |= dict(pairs(POINTS[5:]))
    return found, set(pairs(POINTS[:9])), frozenset(x for x, _ in pairs(POINTS))


def deques():
    last = deque(maxlen=5)
    for i in range(TURNS):
        last.extend(lengths(POINTS, i % 3))
        last.appendleft(i)
    return list(last)


def slices():
    total = 0
    for i in range(TURNS):
        chained = itertools.chain(lengths(POINTS), lengths(POINTS[i % 30 :]))
        total += len(list(itertools.islice(chained, 3, 60, 2)))
        total += sum(itertools.accumulate(x for x, _ in pairs(POINTS)))
        total += reduce(lambda a, b: a + b[1], itertools.takewhile(lambda p: p[0] < 10, pairs(POINTS)), 0)
    return total, [list(group) for _, group in itertools.groupby(pairs(POINTS), lambda p: p[0] // 4)][:3]


def zipped():
    seen = []
    for i in range(TURNS):
        for a, b in zip(pairs(POINTS), map(str, words(POINTS)), strict=True):
            if a[0] == i % 11:
                seen.append((b, a[1]))
    return len(seen), seen[:3], seen[-3:]


def merged():
    def rising(step):
        at = 0
        for point in POINTS:
            at += step + (point.x & 1)
            yield at, point.x

    return [list(heapq.merge(rising(3), rising(2), rising(i % 5)))[::17] for i in range(TURNS)][-2:]


def rows():
    out = io.StringIO()
    writer = csv.writer(out)

    def row():
        for point in POINTS:
            away = point.moved(1, 1)
            yield away.x, f"{away.y:.1f}", away.length() > 40

    for _ in range(TURNS):
        writer.writerows(row())
    out.writelines(words(POINTS))
    text = out.getvalue()
    return len(text), text[:60], text[-60:]


def by_hand():
    seen = []
    for i in range(TURNS):
        items = lengths(POINTS, i)
        seen.append(next(items))
        seen.append(next(items, None))
        while True:
            try:
                seen.append(items.__next__())
            except StopIteration as stop:
                seen.append(stop.value)
                break
        seen.append(next(items, "over"))
    return len(seen), seen[-12:]


def totals(start):
    """What is sent is added."""
    total, sent = start, None
    while total < start + 4000:
        if sent is None:
            total += 1
        elif sent == "back":
            total -= 3
        elif sent == "stop":
            return total, "stopped"
        else:
            total = total + sent * 2
        sent = yield total
    return total, "done"


def sending():
    seen = []
    for i in range(TURNS):
        gen = totals(i)
        seen.append(gen.send(None))
        for k in range(50):
            seen.append(gen.send((None, k, "back", 2.5, k)[k % 5]))
        try:
            gen.send("stop" if i % 2 else 10**30)
        except StopIteration as stop:
            seen.append(stop.value)
    return len(seen), seen[-20:], seen[48:54]


def mending(log):
    """Exceptions come from outside, and from within."""
    count = 0
    while True:
        count += 1
        try:
            if count % 5 == 0:
                raise KeyError(count)
            got = yield count
            if got:
                count += got
        except ValueError as error:
            log.append(("thrown", str(error), count))
            yield "mended"
        except KeyError as error:
            log.append(("raised", error.args, count))
        finally:
            log.append(count)


def throwing():
    log = []
    for i in range(TURNS):
        gen = mending(log)
        got = [next(gen) for _ in range(25)]
        got.append(gen.throw(ValueError(i)))
        got += [next(gen) for _ in range(10)]
        got.append(gen.send(3))
        try:
            gen.throw(TypeError("not mended"))
        except TypeError as error:
            got.append(str(error))
        got.append(next(gen, "over"))
    return got, len(log), log[-20:]


def closing():
    log = []
    for i in range(TURNS):
        gen = mending(log)
        for _ in range(i % 30):
            next(gen)
        gen.close()
        gen = mending(log)
        list(itertools.islice(gen, 12))
        del gen
    return len(log), log[-15:]


def raising(points, bad):
    for point in points:
        away = point.moved(1, 1)
        away.length()
        yield 100 // (away.x - bad)


def raising_inside():
    seen = []
    for i in range(TURNS):
        try:
            seen.append(len(list(raising(POINTS, i))))
        except ZeroDivisionError as error:
            back = error.__traceback__
            places = []
            while back:
                places.append((back.tb_frame.f_code.co_name, back.tb_lineno - back.tb_frame.f_code.co_firstlineno))
                back = back.tb_next
            seen.append((str(error), places))
    return len(seen), seen[:2], seen[-2:]


def raises_to_the_end():
    return sum([len(list(raising(POINTS, -3))), *raising(POINTS, 39)])


def with_finally(log):
    for point in POINTS:
        try:
            with io.StringIO() as out:
                out.write(str(point.moved(1, 1).x))
                yield out.getvalue()
        finally:
            log.append(point.x)


def finals():
    log = []
    for i in range(TURNS):
        list(with_finally(log))
        gen = with_finally(log)
        for _ in range(i % 20 + 1):
            next(gen)
        gen.close()
    return len(log), log[-25:]


def tree(depth, name):
    """Delegates to others."""
    for k in range(3):
        total = 0
        for step in range(k + 2):
            total += step * depth
        yield f"{name}{k}:{total}"
        if depth:
            got = yield from tree(depth - 1, f"{name}{k}")
            yield got
    return f"end of {name}"


def delegating():
    seen = [list(tree(2, "t")) for _ in range(TURNS)]
    assert all(one == seen[0] for one in seen)
    return len(seen[0]), seen[0][:9], seen[0][-4:]


def from_others(parts):
    """Delegates to what is no generator."""
    count = 0
    for part in parts:
        count += len(part) * 2
        yield from part
        yield count
        yield from map(str, range(count % 4))


def delegating_to_others():
    parts = [[1, 2], (3,), "four", {5: 6}, range(3)]
    seen = [list(from_others(parts)) for _ in range(TURNS)]
    assert all(one == seen[0] for one in seen)
    return seen[0]


def sent_through():
    def outer(log):
        while True:
            log.append((yield from totals(len(log))))

    log = []
    gen = outer(log)
    next(gen)
    seen = [gen.send((None, 3, "back", 1)[k % 4] if k % 97 else "stop") for k in range(1, 2000)]
    return len(log), log[:3], sum(seen), seen[-1]


def nested():
    """Generators that go through generators."""

    def double(items):
        for item in items:
            yield item
            if isinstance(item, tuple):
                yield item[0] * 2

    def marked(items):
        for number, item in enumerate(items):
            if number % 3 == 0:
                yield "mark"
            yield item

    seen = [list(marked(double(lengths(POINTS, i)))) for i in range(TURNS)]
    return len(seen[-1]), seen[-1][:12], seen[0][-5:]


def nested_loops():
    def cells(width):
        for point in POINTS[:10]:
            for k in range(width):
                away = point.moved(k, -k)
                if away.length() > 90:
                    break
                yield away.x
            else:
                yield "all"

    seen = [list(cells(i % 8)) for i in range(TURNS)]
    return len(seen[-1]), seen[-1][-6:], seen[7][:20]


def seen_between():
    """What others see of a generator between two items, and while it runs."""
    states, names = set(), set()

    def looking(points):
        mine = sys._getframe()
        for point in points:
            away = point.moved(1, 2)
            if point.x % 8 == 0:
                names.add(
                    (mine.f_code.co_name, mine.f_locals["point"] is point, mine.f_lineno - mine.f_code.co_firstlineno)
                )
            yield away.length()

    for _ in range(TURNS):
        gen = looking(POINTS)
        for k, _ in enumerate(itertools.islice(gen, 30)):
            frame = gen.gi_frame
            place = frame.f_lineno - frame.f_code.co_firstlineno
            states.add((gen.gi_running, gen.gi_suspended, place, frame.f_back, frame.f_locals["away"].x - k))
        gen.close()
        states.add((gen.gi_frame, gen.gi_suspended))
    return sorted(map(str, states)), sorted(names)


def same_objects():
    """What is handed out is what the generator has."""

    def adding(points):
        s = t = 0
        for point in points:
            away = point.moved(1000, 0.5)
            s += away.x * away.x
            t += away.y * 0.25
            both = s, t
            yield (s, t, both, away)[point.x % 4]

    def above(items):
        for item in items:
            last = item
            yield last

    same = 0
    for _ in range(TURNS):
        gen = adding(POINTS)
        for k, item in enumerate(gen):
            frame = gen.gi_frame.f_locals
            same += (frame["s"], frame["t"], frame["both"], frame["away"])[k % 4] is item
            same += frame["both"][0] is frame["s"] and frame["both"][1] is frame["t"]
        below = adding(POINTS)
        gen = above(below)
        while (item := next(gen, None)) is not None:
            frame = below.gi_frame.f_locals
            same += gen.gi_frame.f_locals["last"] is item and any(
                item is frame[name] for name in ("s", "t", "both", "away")
            )
    return same


def watched():
    """Tracers and other tools see each line and each item."""
    seen = []

    def trace(frame, event, _):
        if frame.f_code is not pairs.__code__:
            return None
        seen.append((event, frame.f_lineno - frame.f_code.co_firstlineno))
        return trace

    counts = {"yields": 0, "resumes": 0}

    def count(kind):
        def counted(code, _offset, _value=None):
            if code is pairs.__code__:
                counts[kind] += 1

        return counted

    for i in range(TURNS):
        list(pairs(POINTS))
        if i % 20 == 15:
            sys.settrace(trace)
            list(pairs(POINTS[:5]))
            sys.settrace(None)
        if i % 20 == 17:
            monitoring = sys.monitoring
            monitoring.use_tool_id(3, "items")
            events = monitoring.events
            monitoring.register_callback(3, events.PY_YIELD, count("yields"))
            monitoring.register_callback(3, events.PY_RESUME, count("resumes"))
            gen = pairs(POINTS)
            next(gen)
            monitoring.set_events(3, events.PY_YIELD | events.PY_RESUME)
            list(gen)
            monitoring.set_events(3, 0)
            monitoring.free_tool_id(3)
    return len(seen), seen[:12], counts


def runs_already():
    def itself():
        k = 0
        while True:
            k += 1
            if k % 20 == 0:
                try:
                    next(gen)
                except ValueError as error:
                    yield str(error)
            yield k * 3

    for _ in range(TURNS):
        gen = itself()
        seen = list(itertools.islice(gen, 70))
    return seen


def first_c_then_python():
    """The same loop, asked by functions in C for long, then by loops of Python."""
    total = 0
    for _ in range(TURNS):
        total += len(list(lengths(POINTS)))

    def go_through():
        s = 0
        for item in lengths(POINTS, 3.0):
            s += item if not isinstance(item, tuple) else item[0]
        return s

    for _ in range(TURNS):
        total += go_through()
    for i in range(TURNS):
        total += len(list(lengths(POINTS))) + sum(x for x, _ in pairs(POINTS)) + go_through() * i
        total += max(y for _, y in pairs(POINTS)) + sum(1 for _ in lengths(POINTS, i))
    return total


def many_at_once():
    gens = [lengths(POINTS, i) for i in range(9)] + [words(POINTS), pairs(POINTS)]
    seen = []
    for _ in range(8):
        gens = [lengths(POINTS, i) for i in range(9)] + [words(POINTS), pairs(POINTS)]
        while gens:
            for gen in list(gens):
                try:
                    item = next(gen)
                except StopIteration:
                    gens.remove(gen)
                else:
                    seen.append(item)
    return len(seen), seen[:14], seen[-3:]


def counted():
    """Items, and what the generator holds, die when they do in CPython."""

    class Held:
        alive = 0

        def __init__(self, number):
            Held.alive += 1
            self.number = number

        def __del__(self):
            Held.alive -= 1

    def hold(count):
        last = None
        for k in range(count):
            held = Held(k)
            other = Held(-k) if k % 3 == 0 else last
            last = held
            yield held, other, Held.alive

    alive = []
    for i in range(TURNS):
        alive.append([item[2] for item in hold(20)][-3:])
        gen = hold(30)
        for _ in range(i % 25):
            next(gen)
        alive.append(Held.alive)
        del gen
        alive.append(Held.alive)
        kept = list(hold(4))
        alive.append(Held.alive)
        del kept
    return alive[-8:], Held.alive


def expressions():
    total = 0
    for i in range(TURNS):
        found = dict((p.x, p.moved(i, 1).length()) for p in POINTS if p.length() > i)
        total += len(found) + sum(found.values())
        total += len(b"".join(bytes([p.x, i]) for p in POINTS if p.x & 3))
        total += len(deque(q.x for p in POINTS for q in (p, p.moved(1, 1)) if q.x > 5))
    return total


def changed_types():
    def scaled(values, factor):
        s = 0
        for value in values:
            s = s + value * factor
            if s:
                s = s - value
            yield s

    seen = set()
    for i in range(TURNS):
        values = ([1, 2, 3] * 9, [0.5, 1, 2.5] * 9, [2**70, 1] * 9, [True, 3] * 9)[i % 4]
        seen.add(repr(list(scaled(values, (3, 1.5)[i % 7 == 0]))))
    return sorted(seen)


def step(x):
    return x * 2 + 1


def stepping(n):
    for k in range(n):
        x = step(k)
        x = step(x) - step(k)
        yield x


def redefined():
    """A function that the loop calls becomes another one between two items."""
    before, seen = step, []
    for i in range(TURNS):
        gen = stepping(30)
        for k in range(30):
            if i == 45 and k == 11:
                globals()["step"] = lambda x: x - 5
            seen.append(next(gen))
    globals()["step"] = before
    return len(seen), seen[45 * 30 + 8 : 45 * 30 + 16], seen[-3:]


PROGRAMS = [
    lists,
    joined,
    dicts,
    deques,
    slices,
    zipped,
    merged,
    rows,
    by_hand,
    sending,
    throwing,
    closing,
    raising_inside,
    raises_to_the_end,
    finals,
    delegating,
    delegating_to_others,
    sent_through,
    nested,
    nested_loops,
    seen_between,
    same_objects,
    watched,
    runs_already,
    first_c_then_python,
    many_at_once,
    counted,
    expressions,
    changed_types,
    redefined,
]

for program in PROGRAMS:
    show(program)
