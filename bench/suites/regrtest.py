"""Runs `python -m test` with these arguments, and writes what becomes of each test to the file named by SUITE_OUTCOMES.

A line is JSON: the test's name and what became of it, `started` first. It is written at once, so that a process that
dies says in which test it was. The module itself has a line too, with its state. CPython's own report in XML would
come at the end only, and leave out failed subtests.

Where decal is on, the last line tells how often loops went round in its traces.

The tests of sys.monitoring first look whether some tool has left events on. decal's own are hidden from them, as they
would see nothing else; on all sides.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from functools import partialmethod
from typing import Any

from test.libregrtest.main import main
from test.libregrtest.results import TestResults
from test.libregrtest.testresult import RegressionTestResult

_file = os.path.abspath(os.environ["SUITE_OUTCOMES"])
_process = os.getpid()
# Tests replace or watch what is in modules.
_open, _write, _close, _getpid = os.open, os.write, os.close, os.getpid
_flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC


def _say(name: str, word: str) -> None:
    """A forked child that runs on into the rest of the tests says nothing."""
    if _getpid() == _process:
        descriptor = _open(_file, _flags, 0o666)
        try:
            _write(descriptor, (json.dumps([name, word]) + "\n").encode())
        finally:
            _close(descriptor)


def _name(test: Any) -> str:
    """Tests of a doctest say their name in a way of their own; what is no test has no `id`."""
    name = getattr(test, "id", None)
    return str(name() if callable(name) else test)


def _outcome(self: RegressionTestResult, test: Any, *rest: Any, was: Any, word: str) -> None:
    # In front: the test's own output is still being held back, and its exception is alive only now.
    _say(_name(test), word)
    was(self, test, *rest)


def _subtest(self: RegressionTestResult, test: Any, subtest: Any, error: Any, *, was: Any) -> None:
    if error is not None:
        _say(_name(test), "failed in a subtest")
    was(self, test, subtest, error)


def _module(self: TestResults, result: Any, runtests: Any, *, was: Any) -> None:
    _say(result.test_name, str(result.state).lower())
    was(self, result, runtests)


_WORDS = {
    "startTest": "started",
    "addSuccess": "passed",
    "addError": "failed",
    "addFailure": "failed",
    "addSkip": "skipped",
    "addExpectedFailure": "expected failure",
    "addUnexpectedSuccess": "unexpected pass",
}

for _method, _word in _WORDS.items():
    setattr(
        RegressionTestResult,
        _method,
        partialmethod(_outcome, was=getattr(RegressionTestResult, _method), word=_word),
    )
RegressionTestResult.addSubTest = partialmethod(_subtest, was=RegressionTestResult.addSubTest)
TestResults.accumulate_result = partialmethod(_module, was=TestResults.accumulate_result)

_get_events, _all_events = sys.monitoring.get_events, sys.monitoring._all_events
_decal = sys.monitoring.OPTIMIZER_ID


def _events_of_others() -> dict[str, int]:
    others = {name: tools & ~(1 << _decal) for name, tools in _all_events().items()}
    return {name: tools for name, tools in others.items() if tools}


sys.monitoring.get_events = lambda tool: 0 if tool == _decal else _get_events(tool)
sys.monitoring._all_events = _events_of_others

if __name__ == "__main__":
    # What a shell starts in the background does not hear of it; some tests send it to themselves, and wait.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # Some tests take modules out.
    _package = sys.modules.get("decal")
    try:
        main()
    finally:
        if _package is not None:
            _say("(turns)", str(_package.stats()["iterations_native"]))
