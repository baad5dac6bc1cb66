"""Functions in C that look after signals and the collector in their midst, or go on in Python.

What runs there sees exact frames.
"""

import gc
import signal
import sys
import weakref

DEPTH = 9
TURNS = 60
kept = []
wrong = []
runs = {"collector": 0, "callback": 0, "finalizer": 0, "handler": 0}


def look(what):
    """Whether the frames are what they must be: each deeper call has one less, each local what was assigned last."""
    first, second, third, fourth, fifth = [what], (what, what), {what: what}, len(what), -1
    runs[what] += 1
    frame, below = sys._getframe(1), None
    while frame is not None:
        name, line = frame.f_code.co_name, frame.f_lineno - frame.f_code.co_firstlineno
        if name in RECURSIONS:
            n = frame.f_locals["n"]
            if below is not None and (n != below + 1 or line not in CALLS[name]):
                wrong.append((what, name, n, below, line))
            below = n
        elif name in LOOPS:
            names = frame.f_locals
            i, twice = names.get("i", 0), names.get("twice", 0)
            if twice not in (2 * i, 2 * i - 2):
                wrong.append((what, name, i, twice, line))
            below = None
        frame = frame.f_back
    del first, second, third, fourth, fifth


class Cycle:
    def __init__(self, finalizes=False):
        self.itself = self
        self.finalizes = finalizes


class Finalized(Cycle):
    def __del__(self):
        look("finalizer")


def told(phase, info):
    if phase == "start":
        look("collector")


def gone(reference):
    look("callback")


def handler(number, frame):
    look("handler")


def litter(n):
    if n % 3 == 0:
        kept.append(weakref.ref(Cycle(), gone))
    elif n % 3 == 1:
        Finalized(True)
    return Cycle()


def shown(n, value):
    if n == 0:
        return f"{value}{value!r}"
    left = Cycle()
    text = str(value)
    rest = shown(n - 1, value)
    right = litter(n)
    other = repr(value)
    return f"{text[:2]}{rest[:20]}{other[:2]}{n}{left.finalizes!s}{right.finalizes:>7}"


def formatted(n, value):
    if n == 0:
        return "%s" % (value,)
    left = litter(n)
    return "%s %r %5d" % (formatted(n - 1, value)[-20:], value, n) + format(n, "03") + ascii(left.finalizes)


def numbers(n, text):
    if n == 0:
        return int(text) + float(text)
    left = litter(n)
    below = numbers(n - 1, text)
    try:
        return below + int(text[:n] + ("x" if n == 3 else ""), 16 - left.finalizes)
    except ValueError as error:
        return below + len(str(error))


def large(n, a, b):
    if n == 0:
        return a * b
    left = litter(n)
    product = a * b
    below = large(n - 1, a, b)
    whole, rest = divmod(product, a + n)
    return (below ^ product) + whole // (b + 1) + rest % (a - 1) + int(a / b) + pow(a, 3, b) + left.finalizes


def in_loop(count, value):
    total = 0
    twice = 0
    for i in range(count):
        twice = 2 * i
        left = Cycle()
        total += len(str(value)) + len(f"{i}{value:>9}{value!r}") + len("%s-%s" % (i, value))
        total += [1, 2, i].index(i) + left.finalizes
    return total


def multiplied(count, a):
    total = a
    twice = 0
    for i in range(count):
        twice = 2 * i
        total = total * (a + i) % (a * a + 1)
    return total


def found(n, items):
    if n == 0:
        return 0
    left = Cycle()
    below = found(n - 1, items)
    try:
        return below + items.index(n) + left.finalizes
    except ValueError as error:
        return below + len(str(error))


RECURSIONS = {"shown", "formatted", "numbers", "large", "found"}
LOOPS = {"in_loop", "multiplied"}
CALLS = {"shown": {5}, "formatted": {4}, "numbers": {4}, "large": {5}, "found": {4}}

BIG = (1 << 900) - 12345
OTHER = (1 << 700) + 54321


def work():
    results = []
    for turn in range(TURNS):
        results = [
            shown(DEPTH, 1.5),
            shown(DEPTH, -(10**12)),
            shown(DEPTH, "text"),
            formatted(DEPTH, 2.25),
            numbers(DEPTH, "1234567"),
            large(DEPTH, BIG, OTHER) % 1000003,
            in_loop(DEPTH, 77),
            multiplied(DEPTH, OTHER) % 1000003,
            found(DEPTH, [1, 2, 4, "5"]),
        ]
        kept.clear()
    return results


def seen():
    names = [name for name, count in runs.items() if count]
    runs.update(dict.fromkeys(runs, 0))
    return sorted(names)


print(work())
threshold = gc.get_threshold()
gc.set_threshold(7)
gc.callbacks.append(told)
before = work()
print(before == work(), seen(), wrong[:5])

# From the first handler on, they may be anywhere.
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
work()
while runs["handler"] < 10:
    multiplied(TURNS, BIG)
    large(DEPTH, BIG << 20000, OTHER << 18000)
signal.setitimer(signal.ITIMER_REAL, 0)
print(before == work(), seen(), wrong[:5])
signal.signal(signal.SIGALRM, signal.SIG_DFL)
gc.callbacks.clear()
gc.set_threshold(*threshold)


# Beyond some thousand digits, CPython goes on in Python.
sys.set_int_max_str_digits(0)


def written(n, number):
    if n == 0:
        return len(str(number))
    text = str(number)
    below = written(n - 1, number + n)
    return below + len(text) + len(f"{number}") + len("%d" % number) + text.count("7")


def read(n, text):
    if n == 0:
        return int(text) % 1000003
    value = int(text)
    below = read(n - 1, text[1:])
    return (below + value) % 1000003


def divided(n, a, b):
    if n == 0:
        return a // b
    whole, rest = divmod(a, b)
    below = divided(n - 1, a + n, b)
    return (below + whole + rest + a // b) % 1000003


for size in (50, 60, 9500, 50, 9500):
    number = 7**size
    text = str(number)
    print([(written(4, number), read(4, text), divided(4, number**3, number)) for _ in range(3)][-1])
