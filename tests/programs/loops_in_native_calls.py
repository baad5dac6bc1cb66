"""A function that is called natively leads into the trace of its loop, and what that calls looks at the frames.

Which passes are given up decides whether there is such a trace: `DECAL_STRESS=hot,abandon:36`. It imports nothing, as
that would decide, too.
"""

import sys


def where(depth):
    frame = sys._getframe(depth)
    total = 0
    while frame is not None and frame.f_code.co_name != "<module>":
        total += frame.f_lineno
        frame = frame.f_back
    return total


def note(log):
    log.append(where(1))


def walk(things, log, depth=0):
    total = 0
    for thing in things:
        if depth < 3 and isinstance(thing, (list, tuple)):
            total = walk(thing, log, depth + 1)
        elif isinstance(thing, int):
            pass
        else:
            note(log)
    return total


class Kind:
    pass


def case(turns):
    pair = [3, 2.5]
    kind = Kind
    log = []
    last = None
    for _ in range(turns):
        for _ in (item for item in pair[:3]):
            pass
        walk([3, [4, (pair,)], 2, last], log)
        last = (kind,)
    return len(log), sum(log), log[-9:]


print(case(600))
