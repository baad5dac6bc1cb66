"""What both runners share: decal switched on, output caught, the result written as JSON.

A runner is one fresh process that measures one program once. `cargo xtask` starts it with and
without decal in turn and compares.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

# Seconds of the wall clock, or of this process's processor time where the machine does other things meanwhile.
clock = time.process_time if "--cpu" in sys.argv else time.perf_counter


def enable() -> None:
    """Switch decal on, or end this process with the reason why not."""
    import decal  # not at the top: the process without decal must not have it

    if not decal.enable():
        sys.exit(f"decal is off: {decal.status()}")


def stats() -> dict[str, int]:
    """What decal did, or nothing where it was never imported."""
    module = sys.modules.get("decal")
    return dict(module.stats()) if module else {}


def run(work: Callable[[], tuple[list[float], float]], decal: bool, result: Path) -> None:
    """Run `work` and write what came of it to `result`.

    `work` returns the seconds of each round, and the clock when the last one was over.
    What it prints is caught, so that no terminal is part of the measurement. An exception is part
    of the output too: it must be the same with and without decal.
    """
    started = clock()
    failed = False
    rounds: list[float] = []
    finished: float | None = None
    output = io.StringIO()
    if decal:
        enable()
    with contextlib.redirect_stdout(output):
        try:
            rounds, finished = work()
        except Exception:
            failed = True
            traceback.print_exc(file=output)
    total = (finished or clock()) - started
    data = {"rounds": rounds, "total": total, "output": output.getvalue(), "failed": failed, "stats": stats()}
    result.write_text(json.dumps(data), encoding="utf-8")
