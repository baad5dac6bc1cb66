"""Monitoring events that C code fires for something of its own that runs, which is no code object."""

import sys

try:
    import _testcapi
except ImportError:
    _testcapi = None

M = sys.monitoring
E = M.events
FIRE = [
    (E.PY_START, "fire_event_py_start", ()),
    (E.PY_RESUME, "fire_event_py_resume", ()),
    (E.PY_RETURN, "fire_event_py_return", (20,)),
    (E.JUMP, "fire_event_jump", (20,)),
    (E.JUMP, "fire_event_jump", (0,)),
    (E.BRANCH, "fire_event_branch", (0,)),
    (E.LINE, "fire_event_line", (20,)),
]


def main():
    for event, name, rest in FIRE:
        fire = getattr(_testcapi, name)
        for _ in range(3):
            like = _testcapi.CodeLike(2)
            _testcapi.monitoring_enter_scope(like, event.bit_length() - 1)
            for _ in range(20):
                fire(like, 0, *rest)
            _testcapi.monitoring_exit_scope()


if _testcapi is not None and hasattr(_testcapi, "CodeLike"):
    main()
print("done")
