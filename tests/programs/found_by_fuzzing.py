"""What `cargo xtask fuzz` found, made small by it. Each was wrong once, with the switches that its comment names."""

from common import show


def left_generator(n):
    # DECAL_STRESS=hot: the generator is made and ends with the loop that is left, and so does the iterator that only it
    # has; its place was written later, into memory that was free.
    s = "abc"
    for x in (1, n, 2.5, 7):
        for x in (q for q in range(2) for r in (1, q)):
            break
        s = s[1] + "ab"
    return s, x


for start in (6, 2, 0):
    show(left_generator, start)


def same(x):
    return x


def rescale():
    global SCALE
    SCALE = 1


def two_names(n, a, b):
    # DECAL_STRESS=hot: `j` had stayed in the list, and `b` had the same object in memory; a side trace from there took
    # the one for the other, and did not write `j` before it left an addition to CPython.
    steps = 0
    xs = [1, 2.5, a, 4]
    for i in range(n):
        for j in xs:
            steps += 1
            for m in range(i):
                steps += 1
                if steps > 900:
                    return a, b, i, j, m
                b = same(j)
                a, b = b, a + b
            rescale()


for start in ((1, 2), (True, 1.5), (2**70, 2)):
    show(two_names, 21, *start)


def joined_a_turn_later(n, a, b):
    # DECAL_VERIFY=1 DECAL_STRESS=hot: a side trace joined the loop a turn later without the optimizer, and was called
    # wrong.
    steps = 0
    xs = [1, 2.5, a, 4]
    for i in range(n):
        for j in xs:
            steps += 1
            for m in range(i):
                steps += 1
                if steps > 900:
                    return a, b, i, j, m
                b = j
                a, b = b, a + b


for start in ((1, 2), (True, 1.5), (2**70, 2)):
    show(joined_a_turn_later, 21, *start)


class Asked:
    asked = 0

    def __init__(self, x):
        self.x = x

    def __eq__(self, other):
        Asked.asked += 1
        return isinstance(other, Asked) and self.x == other.x

    def __hash__(self):
        return 5


def copied_with_questions(n):
    # DECAL_STRESS=hot: `dict(d)` compares keys where an item of `d` was deleted; its copy in traces did not.
    d = {"k": 1, 2: 5}
    d[Asked(1)] = 1
    d[Asked(2)] = 2
    del d["k"]
    Asked.asked = 0
    for _ in range(n):
        d = dict(d)
    return Asked.asked, len(d)


for count in (3, 40, 3000):
    show(copied_with_questions, count)
