"""How programs that can be repeated are run: calibrated, measured in rounds, counted.

A program is a function that takes `use` and calls it with a function that does the work so many times and returns
the seconds that took, and one that prints an answer to look at afterwards. It may call `use` once only.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Callable
from pathlib import Path

import measure

Timed = Callable[[int], float]
Use = Callable[[Timed, Callable[[], None]], None]
Program = Callable[[Use], None]


def calibrate(program: Program, least: float) -> str:
    """Loops that make one round at least this many seconds long, and the seconds that one of them takes."""
    loops, seconds = 1, 0.0

    def use(timed: Timed, _answer: Callable[[], None]) -> None:
        nonlocal loops, seconds
        while (seconds := timed(loops)) < least:
            # Twice as many until the clock says something, then what is missing.
            wanted = 2 * loops if seconds < least / 50 else math.ceil(loops * least / seconds * 1.05)
            loops = min(max(wanted, loops + 1), 100 * loops)

    program(use)
    return f"{loops} {seconds / loops!r}"


def work(program: Program, loops: int, warm_up: int, rounds: int) -> tuple[list[float], float]:
    """Seconds per loop of each round after the warm-up, and the clock after the last."""
    seconds: list[float] = []
    finished = 0.0

    def use(timed: Timed, answer: Callable[[], None]) -> None:
        nonlocal finished
        seconds.extend(timed(loops) / loops for _ in range(warm_up + rounds))
        finished = measure.clock()
        answer()

    program(use)
    return seconds[warm_up:], finished


def instructions(program: Program, loops: int, warm_up: int) -> int:
    """The bytecode instructions of one round after so many: all of them, or with decal those in its traces."""
    counted = 0

    def use(timed: Timed, _answer: Callable[[], None]) -> None:
        nonlocal counted
        for _ in range(warm_up):
            timed(loops)
        counted = count(lambda: timed(loops))

    program(use)
    return counted


def count(call: Callable[[], object]) -> int:
    """The bytecode instructions that this call runs: where decal is on in traces, otherwise in CPython."""
    if "decal" in sys.modules:
        before = measure.stats()["instructions_native"]
        call()
        return measure.stats()["instructions_native"] - before
    monitoring = sys.monitoring
    tool, event = monitoring.PROFILER_ID, monitoring.events.INSTRUCTION
    counted = 0

    def instruction(_code: object, _offset: int) -> None:
        nonlocal counted
        counted += 1

    monitoring.use_tool_id(tool, "decal's benchmarks")
    monitoring.register_callback(tool, event, instruction)
    monitoring.set_events(tool, event)
    call()
    monitoring.set_events(tool, 0)
    monitoring.free_tool_id(tool)
    return counted


def options(parser: argparse.ArgumentParser) -> None:
    """What all runners of such programs understand."""
    parser.add_argument("--result", type=Path, required=True, help="file for the result (JSON)")
    parser.add_argument("--decal", action="store_true", help="with decal switched on")
    parser.add_argument("--cpu", action="store_true", help="processor time in place of the wall clock")
    parser.add_argument("--loops", type=int, default=1, help="loops in each round")
    parser.add_argument("--warm-up", type=int, default=2, help="rounds before the ones that count")
    parser.add_argument("--rounds", type=int, default=5, help="rounds that count")
    parser.add_argument("--calibrate", type=float, metavar="SECONDS", help="only find loops for a round this long")
    parser.add_argument("--instructions", action="store_true", help="only count bytecode instructions of one round")


def main(program: Program, args: argparse.Namespace) -> None:
    """Do what the command line says."""
    if args.calibrate is not None:
        args.result.write_text(calibrate(program, args.calibrate), encoding="utf-8")
    elif args.instructions:
        if args.decal:
            os.environ["DECAL_COUNT"] = "1"
            measure.enable()
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (until the end)
        # The last of the rounds that are measured otherwise, so that as much is compiled.
        before = args.warm_up + args.rounds - 1
        args.result.write_text(str(instructions(program, args.loops, before)), encoding="utf-8")
    else:
        measure.run(lambda: work(program, args.loops, args.warm_up, args.rounds), args.decal, args.result)
