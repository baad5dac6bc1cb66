"""The ways in which programs run, and how to run them.

How decal works is fixed by the environment when it is enabled, so every way is a process of its own. Processes are
dear, so the programs hold many cases each.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PROGRAMS = HERE / "programs"

WAYS: dict[str, dict[str, str]] = {
    "plain": {"DECAL_JIT": "0"},
    "interpreter": {"DECAL_JIT": "interpreter"},
    "native": {"DECAL_JIT": "1"},
    "interpreter-hot": {"DECAL_JIT": "interpreter", "DECAL_STRESS": "hot"},
    "native-hot": {"DECAL_JIT": "1", "DECAL_STRESS": "hot"},
    "native-unoptimized": {"DECAL_JIT": "1", "DECAL_OPTIMIZE": "0"},
    "native-registers": {"DECAL_JIT": "1", "DECAL_STRESS": "hot,registers:1"},
    "native-registers-2": {"DECAL_JIT": "1", "DECAL_STRESS": "registers:20"},
    "native-twice": {"DECAL_JIT": "1", "DECAL_STRESS": "hot,twice,waits"},
    "unoptimized-hot": {"DECAL_JIT": "1", "DECAL_OPTIMIZE": "0", "DECAL_STRESS": "hot"},
}
JITTED = [way for way in WAYS if way != "plain"]


@dataclass(frozen=True)
class Outcome:
    """What can be seen of a program from outside."""

    stdout: str
    stderr: str
    status: int

    @property
    def visible(self) -> str:
        """Output and status in one text, so that pytest shows the differing line."""
        return f"{self.stdout}\nexit status {self.status}"

    def stat(self, name: str) -> int:
        """A number from the table of ``--stats``."""
        found = re.search(rf"^\s+{re.escape(name)}\s+([\d,]+)", self.stderr, re.MULTILINE)
        return int(found[1].replace(",", "")) if found else 0


def environment(changes: Mapping[str, str]) -> dict[str, str]:
    """The environment without any switches of decal or Python, and these changes."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DECAL_", "PYTHON"))}
    fixed = {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1"}
    # Another decal than the one that is installed.
    package = os.environ.get("DECAL_TEST_PACKAGE")
    path = {"PYTHONPATH": package} if package else {}
    return {**kept, **fixed, **path, **changes}


def python(
    *words: str, timeout: float = 120, cwd: Path | None = None, switches: Mapping[str, str] | None = None
) -> Outcome:
    """Runs this Python with these arguments."""
    done = subprocess.run(
        [sys.executable, *words],
        env=environment(switches or {}),
        capture_output=True,
        timeout=timeout,
        cwd=cwd,
        encoding="utf-8",
        errors="backslashreplace",
        check=False,
    )
    return Outcome(done.stdout, done.stderr, done.returncode)


def run_program(path: Path, switches: Mapping[str, str], timeout: float = 120) -> Outcome:
    """Runs a program under ``python -m decal --stats``."""
    return python("-m", "decal", "--stats", str(path), timeout=timeout, switches=switches)


@pytest.fixture(params=list(WAYS))
def way(request: pytest.FixtureRequest) -> str:
    """Each of the ways in turn."""
    return str(request.param)


@pytest.fixture(scope="session", autouse=True)
def _decal_works() -> None:
    """Without this, a broken installation would look like hundreds of failures."""
    outcome = python("-c", "import decal; print(decal.enable(), decal.status())")
    assert outcome.stdout.startswith("True on"), f"decal cannot be enabled here: {outcome.stdout}{outcome.stderr}"
