"""Children that are forked while loops are compiled, and go on compiling and changing what the parent relies on."""

import os
import sys

SCALE = 3


class Point:
    def __init__(self):
        self.x = 1


def total(n):
    s = 0
    for i in range(n):
        s += i * SCALE
    return s


def walk(point, n):
    i = 0
    while i < n:
        point.x = point.x + (i & 3)
        if point.x > 10**6:
            point.x = 0.5
        i += 1
    return point.x


def other(n):
    a, b = 0, 1
    for _ in range(n):
        a, b = b, (a + b) % 1000003
    return a


def in_child(work):
    """What `work` returns in a child, through a pipe; this process goes on meanwhile."""
    reader, writer = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            os.write(writer, repr(work()).encode())
        finally:
            os._exit(0)
    os.close(writer)
    # At the same time as the child.
    mine = [total(2000), walk(Point(), 2000), other(1500)]
    text = b""
    while part := os.read(reader, 1000):
        text += part
    os.close(reader)
    _, status = os.waitpid(child, 0)
    return text.decode(), status, mine


def again():
    return total(2000), walk(Point(), 2000), other(1500)


def changed():
    global SCALE
    SCALE = 5
    result = total(2000)
    SCALE = 2.5
    return result, total(2000), other(700)


def fresh():
    names = {}
    exec("def f(n):\n    s = 0\n    for i in range(n):\n        s += i ^ 5\n    return s\n", names)
    return names["f"](3000), total(1000)


def nested():
    text, status, mine = in_child(again)
    return text, status, mine, total(1500)


def forking_loop(n):
    """Forks in the middle of a loop that is compiled."""
    s = 0
    for i in range(n):
        s += i
        if i == 1500:
            child = os.fork()
            if child == 0:
                t = 0
                for k in range(1200):
                    t += k * 2
                os._exit(7 if t == 1438800 else 1)
            s += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return s


for turn in range(3):
    print(turn, again())
    for work in (again, changed, fresh, nested):
        print(work.__name__, in_child(work))
    print(SCALE, forking_loop(3000), total(2000))
