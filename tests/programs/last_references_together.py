"""Two references that one instruction drops are the last two to a third object: when and where it dies."""

import sys

from common import show


class Ends:
    def __init__(self, log, mark):
        self.log = log
        self.mark = mark

    def __del__(self):
        caller = sys._getframe(1)
        self.log.append((self.mark, caller.f_lineno - caller.f_code.co_firstlineno))


class Node:
    def __init__(self, child):
        self.child = child


def two_locals(n):
    """The dict in `y` holds what `x` was the other holder of."""
    log = []
    xs = [1, 2, 3]
    for i in range(n):
        x, y = xs[:2]
        for x in reversed(xs[:3]):
            pass
        y = {q: i for q in xs[:2]}
        xs[0] = Ends(log, i)
    return len(log), log[:9], log[-9:]


def two_locals_of_pairs(n):
    log = []
    for i in range(n):
        end = Ends(log, i)
        x, y = [end], (end, i)
        end = None
        x, y = y, i
        x, y = i, x
    return len(log), log[:9], log[-9:]


def circle(log, i):
    node = Node(None)
    node.child = Node(node)
    node.end = Ends(log, i)
    return node


def attribute_of_a_circle(n):
    """What is replaced holds the owner's other reference."""
    log = []
    for i in range(n):
        circle(log, i).child = Ends(log, -i)
    return len(log), log[:9], log[-9:]


def ring(log, i):
    items = [None, Ends(log, i)]
    items[0] = [items]
    return items


def item_of_a_circle(n):
    log = []
    for i in range(n):
        ring(log, i)[0] = Ends(log, -i)
    return len(log), log[:9], log[-9:]


show(two_locals, 300)
show(two_locals_of_pairs, 300)
show(attribute_of_a_circle, 300)
show(item_of_a_circle, 300)
