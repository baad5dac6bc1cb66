"""Runs many small programs in one process, each without decal and then in some of decal's ways, and compares.

decal reads its switches whenever it is enabled, so that a process need not be started for each way: that is what makes
tens of thousands of programs in an hour possible. Between two runs decal is switched off, which frees all that it made,
and the program's code objects are made anew.

    python tests/fuzz_worker.py BATCH REPORT

BATCH is what :func:`write_batch` wrote. REPORT gets a line of JSON for each event, written at once, so that it says
where the process crashed or hung.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import marshal
import os
import re
import resource
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

SWITCHES = ("DECAL_JIT", "DECAL_OPTIMIZE", "DECAL_STRESS", "DECAL_MEMORY", "DECAL_DEBUG")

# With this many new objects the collector runs, and Python code with it. Otherwise collections happen where the program
# asks for them: a trace makes fewer objects, and what dies in one may tell.
COLLECTOR = "FUZZ_COLLECTOR"

# Where an object lies is different each time.
ADDRESS = re.compile("0x[0-9a-f]{8,}")

Way = dict[str, str]
# Source, and the ways in which it is run besides CPython's own.
Item = tuple[str, list[Way]]


def write_batch(path: Path, items: list[Item]) -> None:
    """Compiles the programs here, so that the process with decal does nothing but run them."""
    batch = [(marshal.dumps(compile(source, "random_program.py", "exec")), ways) for source, ways in items]
    path.write_bytes(marshal.dumps(batch))


def in_words(way: Way) -> str:
    """The way as one would type it."""
    return " ".join(f"{name}={value}" for name, value in sorted(way.items())) or "DECAL_JIT=1"


def overwrite(phase: str, found: dict[str, int]) -> None:
    """What the collector calls: its frame lies where a frame would lie that was not made."""
    first, second, third, fourth = phase, found, len(phase), (phase,)
    fifth, sixth, seventh, eighth = second, first, fourth, third
    del first, second, third, fourth, fifth, sixth, seventh, eighth


@contextlib.contextmanager
def collecting(threshold: int) -> Iterator[None]:
    """The collector runs whenever so many objects are new; never for 0."""
    if threshold:
        gc.set_threshold(threshold)
        gc.callbacks.append(overwrite)
        gc.enable()
    try:
        yield
    finally:
        if threshold:
            gc.disable()
            gc.callbacks.remove(overwrite)


class Endless(BaseException):
    """A program took too long."""


def stop(number: int, frame: FrameType | None) -> None:
    """The timer went off."""
    raise Endless


def execute(code: bytes) -> str:
    """Runs a program; gives what it printed and how it ended."""
    names: dict[str, Any] = {"__name__": "__main__", "__builtins__": __builtins__}
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        try:
            exec(marshal.loads(code), names)
        except BaseException as error:
            output.write(f"ends with {type(error).__name__}: {error}\n")
        del names
        gc.collect()
    return ADDRESS.sub("0x", output.getvalue())


def too_deep(output: str) -> bool:
    """Whether a recursion went to its limit.

    Which call is the first that is too deep depends, in CPython, on what it has specialized by then: some of those
    forms do not ask.
    """
    return "RecursionError" in output


def own_mistakes(said: str, stats: dict[str, int]) -> str:
    """What decal itself says that it did wrong."""
    found = [name for name in stats if "internal" in name]
    found += [line for line in said.splitlines() if "internal:" in line or "panicked" in line or "RAW ERROR" in line]
    return "; ".join(found)


class Said:
    """What was written to the standard error of the process since one looked last."""

    def __init__(self) -> None:
        self.path = Path(f"/proc/self/fd/{sys.stderr.fileno()}")
        self.file = None
        name = os.environ.get("FUZZ_STDERR")
        if name:
            self.file = open(name, encoding="utf-8", errors="replace")  # noqa: SIM115

    def new(self) -> str:
        """All of it."""
        return self.file.read() if self.file else ""


def work(batch: list[tuple[bytes, list[Way]]], report: TextIO) -> None:
    """All programs of a batch."""
    import decal

    # As long as a function is observed nothing else is, and this one calls the whole program.
    decal.nojit(execute)
    said = Said()

    def tell(**event: Any) -> None:
        report.write(json.dumps(event) + "\n")
        report.flush()

    for number, (code, ways) in enumerate(batch):
        tell(at=number, way=-1)
        started = time.process_time()
        # Once more and again, as a program may catch it. With a handler in Python traces would be others.
        signal.signal(signal.SIGVTALRM, stop)
        signal.setitimer(signal.ITIMER_VIRTUAL, 1.5, 0.05)
        try:
            expected = execute(code)
        except Endless:
            expected = "ends with Endless"
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, signal.SIG_DFL)
        if "ends with Endless" in expected:
            tell(skipped=number)
            continue
        plain = time.process_time() - started
        for index, way in enumerate(ways):
            tell(at=number, way=index)
            threshold = int(way.get(COLLECTOR, "0"))
            if threshold:
                # The collector does not come at the same places again: with decal fewer objects are made.
                tells = False
                for other in (threshold, threshold, threshold + 1, threshold + 3, 2 * threshold + 5):
                    with collecting(other):
                        tells = tells or execute(code) != expected
                if tells:
                    continue
            for name in SWITCHES:
                os.environ.pop(name, None)
            os.environ.update(way)
            if not decal.enable():
                tell(failed=number, way=index, kind="off", text=decal.status())
                continue
            with collecting(threshold):
                got = execute(code)
            stats = decal.stats()
            decal.disable()
            wrong = own_mistakes(said.new(), stats)
            if wrong:
                tell(failed=number, way=index, kind="internal", text=wrong)
            elif got != expected and not too_deep(expected):
                tell(failed=number, way=index, kind="output", text=difference(expected, got))
            tell(traces=stats.get("traces", 0) + stats.get("side_traces", 0))
        tell(done=number, seconds=time.process_time() - started, plain=plain)
    tell(end=True)


def difference(expected: str, got: str) -> str:
    """The first lines that differ."""
    ours, theirs = got.splitlines(), expected.splitlines()
    for mine, right in zip(ours, theirs, strict=False):
        if mine != right:
            at = next((i for i, (a, b) in enumerate(zip(mine, right, strict=False)) if a != b), 0)
            start = max(0, at - 60)
            return f"CPython: …{right[start : at + 120]}\ndecal:   …{mine[start : at + 120]}"
    return f"CPython: {len(theirs)} lines\ndecal:   {len(ours)} lines: {ours[len(theirs) :][:1]}"


if __name__ == "__main__":
    gc.disable()
    gc.freeze()
    # A program that never ends or grows without end ends, whatever becomes of whoever started this.
    resource.setrlimit(resource.RLIMIT_CPU, (240, 240))
    resource.setrlimit(resource.RLIMIT_DATA, (3 << 30, 3 << 30))
    with open(sys.argv[2], "a", encoding="utf-8") as file:
        work(marshal.loads(Path(sys.argv[1]).read_bytes()), file)
    # What the last program left is of no interest.
    os._exit(0)
