"""Finds what is at fault where a program's output differs with decal: the trace, the part of optimizing, the rewrite.

    cargo xtask bisect program.py arguments

Each step runs the program with fewer traces, or with fewer rewrites in one of them (the switches ``traces:N``,
``only:N``, ``without:PART`` and ``rewrites:N`` of ``DECAL_STRESS``), and looks whether it still differs from plain
CPython. Halving finds two numbers in a row, one with the right output and one with the wrong one: that is a trace with
which it goes wrong, not always the only one. What counts is standard output and the exit status.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

PARTS = ("fold", "number", "types", "loads", "divide", "ranges", "dead")
# More than there are of anything.
MANY = 1 << 30


@dataclass(frozen=True)
class Run:
    """What a run gave."""

    stdout: bytes
    status: int
    stderr: str

    def same(self, other: Run) -> bool:
        """Whether nobody could tell them apart."""
        return (self.stdout, self.status) == (other.stdout, other.status)

    def says(self, pattern: str) -> str:
        """The last line of decal's that fits."""
        lines = [line.removeprefix("decal: ") for line in self.stderr.splitlines() if line.startswith("decal: ")]
        return next((line for line in reversed(lines) if re.search(pattern, line)), "")


@dataclass
class Search:
    """A program that is run again and again."""

    words: list[str]
    stress: str = "hot,dice:0"
    timeout: float = 600
    say: Callable[[str], None] = print
    runs: int = field(default=0, init=False)

    def run(self, changes: Mapping[str, str]) -> Run:
        """Runs the program with these variables and none other of decal's."""
        self.runs += 1
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DECAL_")}
        variables = {"PYTHONHASHSEED": "0", **kept, **changes}
        try:
            done = subprocess.run(
                [sys.executable, "-m", "decal", *self.words],
                env=variables,
                capture_output=True,
                timeout=self.timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Run(b"", 124, "")
        return Run(done.stdout, done.returncode, done.stderr.decode("utf-8", "replace"))

    def stressed(self, *switches: str, **changes: str) -> Run:
        """With these switches in addition."""
        stress = ",".join(filter(None, [self.stress, *switches]))
        return self.run({"DECAL_STRESS": stress, "DECAL_DEBUG": "1", **changes})

    def halve(self, least: int, most: int, wrong: Callable[[int], bool]) -> int:
        """A number for which it is wrong, but right for the one before; right for ``least``, wrong for ``most``."""
        while most - least > 1:
            middle = (least + most) // 2
            least, most = (least, middle) if wrong(middle) else (middle, most)
        return most

    def find(self) -> int:
        """Prints what is at fault. The exit status: 0 where something was found."""
        plain = self.run({"DECAL_JIT": "0"})
        if not plain.same(self.run({"DECAL_JIT": "0"})):
            self.say("two runs of plain CPython differ: first make the program the same each time")
            return 2
        all_traces = self.stressed()
        if all_traces.same(plain):
            self.say(f"with DECAL_STRESS={self.stress} it does what it does in plain CPython")
            return 1
        numbers = [int(number) for number in re.findall(r"as trace (\d+)", all_traces.stderr)]
        most = max(numbers, default=-1) + 1
        if most == 0 or not self.stressed("traces:0").same(plain):
            self.say("it differs without any trace: not a trace is at fault, but what decal does around them")
            return 0
        # One that crashes may not have said how many there were.
        if all_traces.status < 0:
            most = max(most, 1000)
        count = self.halve(0, most, lambda number: not self.stressed(f"traces:{number}").same(plain))
        trace, limit = count - 1, f"traces:{count}"
        outcome = self.stressed(limit)
        self.say(f"trace {trace} is at fault: {outcome.says(f'as trace {trace}\\b')}")
        if not self.stressed(limit, DECAL_OPTIMIZE="0").same(plain):
            self.say("also with the optimizer off (DECAL_OPTIMIZE=0)")
        if self.stressed(limit, DECAL_JIT="interpreter").same(plain):
            self.say("not in the trace interpreter: look at registers, stencils and the assembler")
            return 0
        return self.find_rewrite(plain, trace, limit)

    def find_rewrite(self, plain: Run, trace: int, limit: str) -> int:
        """Prints which rewrite of a trace is at fault."""
        suspect = (limit, f"only:{trace}")
        parts = [part for part in PARTS if self.stressed(*suspect, f"without:{part}").same(plain)]
        for part in parts:
            self.say(f"without the part {part} of the optimizer it is right")
        if not self.stressed(*suspect, "rewrites:0").same(plain):
            self.say("without any rewrite it is wrong: look at the recorder, the observer and the exits")
            return 0
        every = self.stressed(*suspect, f"rewrites:{MANY}").says(rf"^trace {trace} has \d+ rewrites")
        found = re.search(r"has (\d+) rewrites", every)
        number = self.halve(
            0,
            int(found[1]) if found else MANY,
            lambda rewrites: not self.stressed(*suspect, f"rewrites:{rewrites}").same(plain),
        )
        last = self.stressed(*suspect, f"rewrites:{number}").says(rf"^trace {trace} has {number} rewrites")
        told = re.search(r"the last (on line .*)", last)
        self.say(f"rewrite {number} of trace {trace} is at fault, {told[1] if told else 'whatever it is'}")
        self.say(f"see it: DECAL_DEBUG=3 DECAL_STRESS={self.stress},{','.join(suspect)},rewrites:{number}")
        return 0


def main() -> int:
    """Takes the program and its arguments as ``python -m decal`` does."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stress", default="hot,dice:0", help="switches with which it differs (default: %(default)s)")
    parser.add_argument("--timeout", type=float, default=600, help="seconds for one run (default: %(default)s)")
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="program", help="as for python -m decal")
    arguments = parser.parse_args()
    if not arguments.words:
        parser.error("which program?")
    search = Search(arguments.words, arguments.stress, arguments.timeout)
    status = search.find()
    print(f"{search.runs} runs")
    return status


if __name__ == "__main__":
    raise SystemExit(main())
