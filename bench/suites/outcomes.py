"""A plugin for pytest, from version 5 to 9: writes what became of each test to the file that SUITE_OUTCOMES names.

A test has one word: how its call ended, or the phase before it that did not pass. A module that cannot be collected
counts as a test.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

_outcomes: dict[str, list[str]] = {}


def pytest_runtest_logreport(report: Any) -> None:
    """Setup, call and teardown of each test."""
    outcome = report.outcome
    if hasattr(report, "wasxfail"):
        outcome = "expected failure" if report.skipped else "unexpected pass"
    if report.when == "call" or outcome != "passed":
        word = outcome if report.when == "call" or outcome == "skipped" else f"{outcome} in {report.when}"
        _outcomes.setdefault(report.nodeid, []).append(word)


def pytest_collectreport(report: Any) -> None:
    """What cannot be collected."""
    if report.outcome != "passed":
        _outcomes.setdefault(f"collecting {report.nodeid}", []).append(report.outcome)


def pytest_sessionfinish() -> None:
    """All of it at once: a process that dies leaves no file."""
    text = json.dumps({name: ", ".join(words) for name, words in sorted(_outcomes.items())})
    Path(os.environ["SUITE_OUTCOMES"]).write_text(text, encoding="utf-8")
