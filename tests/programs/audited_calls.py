"""Builtin functions that raise audit events: a hook in Python runs in the midst of them, and looks around."""

import sys

SEEN = []


def hook(event, arguments):
    if event == "builtins.id":
        first, second, third, fourth = event, arguments, len(event), SEEN
        frame = sys._getframe(1)
        fourth.append((frame.f_code.co_name, frame.f_lineno - frame.f_code.co_firstlineno, first[:3], third))
        del second


def tree(depth):
    if depth == 0:
        return None
    return (tree(depth - 1), depth, tree(depth - 1))


def visited(node, depth):
    if node is None:
        return 0
    left, value, right = node
    same = id(node) == id(node)
    below = visited(left, depth + 1) + visited(right, depth + 1)
    return below + value * depth + same


def in_loop(n):
    total = 0
    for i in range(n):
        total += (id(SEEN) == id(SEEN)) + i
    return total


def seen():
    lines = {place: SEEN.count(place) for place in SEEN}
    SEEN.clear()
    return sorted(lines.items())


node = tree(7)
print(visited(node, 1), in_loop(50), seen())
sys.addaudithook(hook)
for _ in range(6):
    print(visited(node, 1), in_loop(50), seen())
