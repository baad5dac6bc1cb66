"""Random programs, as long as one likes: each is run by CPython and in some of decal's ways, and must print the same.

    cargo xtask fuzz --seconds 600 --seed 7 --jobs 2 --ways hot,guards
    cargo xtask fuzz --show objects:7:123            print a program

A program that does not, crashes, hangs, or makes decal report a mistake of its own is shrunk (see `fuzz_shrink`) and
written to a file, with the switches that showed it.

A program is fixed by its kind, the seed and its number; so are its ways. Programs share a process, a batch at a time
(`fuzz_worker`), so that a failure may need what ran before it: the file says so where it does not show itself alone.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import fuzz_shrink
import fuzz_worker
import generate
import generate_flow
import generate_objects
from fuzz_worker import COLLECTOR, Item, Way

HERE = Path(__file__).parent

KINDS = {
    "numbers": lambda seed, number: generate.program(random.Random(f"{seed}/numbers/{number}"), 1),
    "objects": lambda seed, number: generate_objects.program(seed, 1, number),
    "flow": lambda seed, number: generate_flow.program(random.Random(f"{seed}/flow/{number}")),
}
# How many of ten programs are of which kind: those that take longest are the fewest.
SHARES = ["flow", "numbers", "flow", "objects", "flow", "flow", "numbers", "flow", "flow", "flow"]

PARTS = ("fold", "number", "types", "loads", "divide", "ranges", "dead", "raising", "unrolling", "entrance")

WAYS = {
    "hot": lambda r: {"DECAL_STRESS": "hot"},
    "dice": lambda r: {"DECAL_STRESS": f"hot,dice:{r.randrange(10**6)}"},
    "normal": lambda r: {"DECAL_JIT": "1"},
    "interpreter": lambda r: {"DECAL_JIT": "interpreter", "DECAL_STRESS": "hot"},
    "unoptimized": lambda r: {"DECAL_OPTIMIZE": "0", "DECAL_STRESS": "hot"},
    "registers": lambda r: {"DECAL_STRESS": f"hot,registers:{r.randrange(10**6)}"},
    "guards": lambda r: {"DECAL_STRESS": f"hot,guards:{r.randrange(80)}"},
    "abandon": lambda r: {"DECAL_STRESS": f"hot,abandon:{r.randrange(60)}"},
    "alloc": lambda r: {"DECAL_STRESS": f"hot,alloc:{r.randrange(12)}"},
    "invalidate": lambda r: {"DECAL_STRESS": f"hot,invalidate:{r.randrange(9)}"},
    "without": lambda r: {"DECAL_STRESS": f"hot,without:{r.choice(PARTS)}"},
    "rewrites": lambda r: {"DECAL_STRESS": f"hot,rewrites:{r.randrange(300)}"},
    "memory": lambda r: {"DECAL_MEMORY": f"{r.choice((20, 100, 300))}K", "DECAL_STRESS": "hot"},
    "collector": lambda r: {"DECAL_STRESS": "hot", COLLECTOR: str(r.randrange(1, 12))},
    "waits": lambda r: {"DECAL_STRESS": f"hot,twice,waits,dice:{r.randrange(10**6)}"},
}

# So many seconds of the processor without a sign of life: a process hangs. Or so many times that by the clock.
PATIENCE = 40.0
CLOCK = 30


@dataclass
class Failure:
    """What went wrong, at which program, in which way."""

    item: int
    way: Way
    kind: str
    text: str

    def alike(self, other: Failure | None) -> bool:
        """Whether both are the same kind of thing, so that shrinking does not wander from one bug to the next."""
        if other is None or "without" in other.kind + self.kind:
            return other is not None and other.kind == self.kind
        if (self.kind == "internal") != (other.kind == "internal"):
            return False
        # What uses memory that is free may crash, or not.
        if self.kind == "internal":
            plain = [re.sub(r"[\d%`]+.*", "", text) for text in (self.text, other.text)]
            return plain[0] == plain[1]
        return True


@dataclass
class Totals:
    """What was tried."""

    programs: int = 0
    runs: int = 0
    traces: int = 0
    seconds: float = 0.0
    plain: float = 0.0
    failures: list[str] = field(default_factory=list)


def run_batch(
    items: list[Item], totals: Totals | None = None, patience: float = PATIENCE, one: bool = False
) -> list[Failure]:
    """Runs these programs, in as many processes as it takes; with `one` only up to the first that fails."""
    failures: list[Failure] = []
    first = 0
    with tempfile.TemporaryDirectory() as folder:
        batch, report, said = (Path(folder) / name for name in ("batch", "report", "said"))
        while first < len(items):
            fuzz_worker.write_batch(batch, items[first:])
            report.write_text("")
            status = run_process(batch, report, said, patience)
            at, way, ended = 0, -1, False
            for line in report.read_text(encoding="utf-8").splitlines():
                event = json.loads(line)
                if "at" in event:
                    at, way = event["at"], event["way"]
                elif "failed" in event:
                    item = first + event["failed"]
                    failures.append(Failure(item, items[item][1][event["way"]], event["kind"], event["text"]))
                elif "end" in event:
                    ended = True
                elif totals is not None:
                    totals.runs += "traces" in event
                    totals.traces += event.get("traces", 0)
                    totals.programs += "done" in event
                    totals.seconds += event.get("seconds", 0.0)
                    totals.plain += event.get("plain", 0.0)
            if ended or (one and failures):
                break
            kind = ("hang" if status is None else "crash") + (" without decal" if way < 0 else "")
            item = first + at
            tail = "\n".join(said.read_text(encoding="utf-8", errors="replace").splitlines()[-30:])
            failures.append(Failure(item, items[item][1][max(way, 0)], kind, f"status {status}\n{tail}"))
            first = item + 1
            if one:
                break
    return failures


def processor_time(pid: int) -> float:
    """Seconds that a process has had."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def run_process(batch: Path, report: Path, said: Path, patience: float) -> int | None:
    """Runs a worker; its status, or nothing where it had to be ended."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DECAL_", "PYTHON"))}
    path = {"PYTHONPATH": os.environ["PYTHONPATH"]} if "PYTHONPATH" in os.environ else {}
    # Memory that was freed does not look as before.
    fixed = {
        "PYTHONMALLOC": "debug",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "NO_COLOR": "1",
        "FUZZ_STDERR": str(said),
    }
    words = [sys.executable, "-X", "faulthandler", str(HERE / "fuzz_worker.py"), str(batch), str(report)]
    with open(said, "w", encoding="utf-8") as errors:
        process = subprocess.Popen(
            words, env={**kept, **path, **fixed}, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors
        )
        size, since, used = -1, time.monotonic(), 0.0
        while True:
            try:
                return process.wait(timeout=2.0)
            except subprocess.TimeoutExpired:
                pass
            now = report.stat().st_size
            if now != size:
                size, since, used = now, time.monotonic(), processor_time(process.pid)
            elif processor_time(process.pid) - used > patience or time.monotonic() - since > patience * CLOCK:
                process.kill()
                process.wait()
                return None


def ways_of(seed: int, number: int, names: list[str], each: int) -> list[Way]:
    """The ways in which a program is run."""
    chance = random.Random(f"{seed}/ways/{number}")
    chosen = chance.sample(names, min(each, len(names)))
    return [WAYS[name](chance) for name in chosen]


def write_failure(out: Path, name: str, source: str, failure: Failure, origin: str) -> Path:
    """A file with everything needed to see it again."""
    said = "\n".join(f"#   {line}" for line in failure.text.splitlines()[:40])
    path = out / f"{name}.py"
    head = f"# {origin}\n# {fuzz_worker.in_words(failure.way)}\n# {failure.kind}:\n{said}\n"
    path.write_text(f"{head}{source}\n", encoding="utf-8")
    return path


def examine(items: list[Item], failure: Failure, name: str, origin: str, out: Path, seconds: float) -> str:
    """Shrinks what failed, and writes it down."""
    source = items[failure.item][0]

    def fails(candidates: list[str]) -> int | None:
        """The first of these programs that fails the same way."""
        tried = [(text, [failure.way]) for text in candidates]
        found = [again.item for again in run_batch(tried, patience=8.0, one=True) if failure.alike(again)]
        return min(found, default=None)

    if fails([source]) is None:
        path = write_failure(out, name, source, failure, f"{origin}; not alone, only after the programs before it")
        return f"{failure.kind} in {path}, not alone"
    small = fuzz_shrink.shrink(source, fails, seconds)
    last = next((again for again in run_batch([(small, [failure.way])]) if failure.alike(again)), failure)
    path = write_failure(out, name, small, last, origin)
    return f"{failure.kind} in {path} ({len(small.splitlines())} lines)"


class Fuzzer:
    """Jobs that try batch after batch."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self.ways = [name for name in WAYS if name in arguments.ways]
        self.kinds = [kind for kind in SHARES if kind in arguments.kinds]
        self.totals = Totals()
        self.lock = threading.Lock()
        self.next = arguments.first
        self.end = time.monotonic() + arguments.seconds
        self.shrunk: dict[str, int] = {}

    def job(self) -> None:
        """Until time or programs are used up."""
        arguments = self.arguments
        while time.monotonic() < self.end:
            with self.lock:
                first = self.next
                self.next += arguments.size
            if arguments.programs and first - arguments.first >= arguments.programs:
                return
            numbers = range(first, first + arguments.size)
            kinds = [self.kinds[number % len(self.kinds)] for number in numbers]
            items: list[Item] = []
            for kind, number in zip(kinds, numbers, strict=True):
                ways = ways_of(arguments.seed, number, self.ways, arguments.each)
                items.append((KINDS[kind](arguments.seed, number), ways))
            totals = Totals()
            failures = run_batch(items, totals)
            with self.lock:
                for name in ("programs", "runs", "traces", "seconds", "plain"):
                    setattr(self.totals, name, getattr(self.totals, name) + getattr(totals, name))
            for failure in failures:
                self.report(items, failure, kinds[failure.item], first + failure.item)
            with self.lock:
                self.progress()

    def report(self, items: list[Item], failure: Failure, kind: str, number: int) -> None:
        """One failure."""
        origin = f"{kind}:{self.arguments.seed}:{number}"
        with self.lock:
            # The same thing again and again is shrunk a few times only.
            likeness = (
                f"{failure.kind} {re.sub(r'[0-9]+', '', failure.text)[:60] if failure.kind == 'internal' else ''}"
            )
            again = self.shrunk[likeness] = self.shrunk.get(likeness, 0) + 1
            print(
                f"FAILED {origin} [{fuzz_worker.in_words(failure.way)}] {failure.kind}\n{failure.text[:1500]}",
                flush=True,
            )
        seconds = self.arguments.shrink if again <= 12 else 0.0
        line = examine(items, failure, f"{kind}_{self.arguments.seed}_{number}", origin, self.arguments.out, seconds)
        with self.lock:
            self.totals.failures.append(line)
            print(line, flush=True)

    def progress(self) -> None:
        """A line."""
        t = self.totals
        print(
            f"{time.strftime('%H:%M:%S')} {t.programs} programs, {t.runs} runs, {t.traces} traces, "
            f"{t.seconds:.0f} s of processor ({t.plain:.0f} s plain), {len(t.failures)} failures",
            flush=True,
        )


def examine_one(arguments: argparse.Namespace) -> int:
    """Shrinks one program, if it fails."""
    path, number = Path(arguments.examine), 0
    if path.exists():
        source, name = path.read_text(encoding="utf-8"), path.stem
        typed = [line[2:].split() for line in source.splitlines()[:3] if line.startswith("# DECAL_")]
    else:
        kind, seed, number = arguments.examine.split(":")
        source, name, typed = KINDS[kind](int(seed), int(number)), arguments.examine.replace(":", "_"), []
    chance = random.Random(number)
    ways = [dict(word.split("=", 1) for word in words) for words in typed] or [
        WAYS[way](chance) for way in arguments.ways
    ]
    failures = run_batch([(source, ways)])
    for failure in failures[:1]:
        print(failure.kind, fuzz_worker.in_words(failure.way), failure.text)
        line = examine([(source, ways)], failure, f"{name}_small", arguments.examine, arguments.out, arguments.shrink)
        print(line)
    return 1 if failures else 0


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="cargo xtask fuzz", description=__doc__, add_help=True)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--programs", type=int, default=0, help="end after so many programs")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--first", type=int, default=0, help="number of the first program")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--size", type=int, default=120, help="programs per process")
    parser.add_argument("--each", type=int, default=1, help="ways in which each program is run")
    parser.add_argument("--ways", type=lambda text: text.split(","), default=list(WAYS))
    parser.add_argument("--kinds", type=lambda text: text.split(","), default=list(KINDS))
    parser.add_argument("--shrink", type=float, default=120.0, help="seconds for shrinking a failure")
    parser.add_argument("--out", type=Path, default=Path("target/fuzz"))
    parser.add_argument("--examine", help="KIND:SEED:NUMBER or a file: shrink it, if it fails in one of --ways")
    parser.add_argument("--show", help="KIND:SEED:NUMBER: print this program and its ways, and run nothing")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    for name, known in (("ways", WAYS), ("kinds", KINDS)):
        unknown = [value for value in getattr(arguments, name) if value not in known]
        if unknown:
            parser.error(f"--{name} {unknown[0]} is not known; use some of {','.join(known)}")
    if arguments.seed is None:
        arguments.seed = random.SystemRandom().randrange(10**6)
    if arguments.show:
        kind, seed, number = arguments.show.split(":")
        for way in ways_of(int(seed), int(number), list(WAYS), arguments.each):
            print("#", fuzz_worker.in_words(way))
        print(KINDS[kind](int(seed), int(number)))
        return 0
    arguments.out.mkdir(parents=True, exist_ok=True)
    if arguments.examine:
        return examine_one(arguments)
    print(f"seed {arguments.seed}, ways {','.join(arguments.ways)}", flush=True)
    fuzzer = Fuzzer(arguments)
    threads = [threading.Thread(target=fuzzer.job) for _ in range(arguments.jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for line in fuzzer.totals.failures:
        print("failed:", line)
    print(f"seed {arguments.seed}: {fuzzer.totals.programs} programs, {len(fuzzer.totals.failures)} failed")
    return 1 if fuzzer.totals.failures else 0


if __name__ == "__main__":
    sys.exit(main())
