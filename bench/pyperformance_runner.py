"""Run one benchmark of the installed pyperformance package in this process.

pyperformance starts many processes and measures each of them until it is steady. Here `cargo xtask
bench` decides about processes, so that both sides take turns and the cost of the first seconds is
seen. The benchmark's file runs unchanged as a main program; only `pyperf.Runner` is replaced, and so
no list of the functions inside of each benchmark is needed.
"""

from __future__ import annotations

import argparse
import runpy
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import measure
import pyperf
import pyperformance

Timed = Callable[[int], float]


def nbody(module: dict[str, Any]) -> object:
    """Where all bodies are after all rounds."""
    return module["SYSTEM"], module["report_energy"]()


def spectral_norm(module: dict[str, Any]) -> object:
    """One step of the power method."""
    return module["eval_AtA_times_u"]([1] * module["DEFAULT_N"])


def nqueens(module: dict[str, Any]) -> object:
    """All solutions."""
    return list(module["n_queens"](8))


def sor(module: dict[str, Any]) -> object:
    """The relaxed matrix, from one that is not all zeros."""
    matrix = module["Random"](11).RandomMatrix(module["Array2D"](50, 50))
    module["SOR_execute"](1.25, matrix, 10, module["Array2D"])
    return list(matrix.data)


def sparse_mat_mult(module: dict[str, Any]) -> object:
    """A product with values that are not zero, unlike the benchmark's own."""
    size, each = 100, 5
    values = module["Random"](13).RandomVector(size * each)
    vector = module["Random"](17).RandomVector(size)
    columns = [(row * 7 + k * 3) % size for row in range(size) for k in range(each)]
    result = [0.0] * size
    rows = list(range(0, size * each + 1, each))
    module["SparseCompRow_matmult"](size, result, values, rows, columns, vector, 20)
    return result


def monte_carlo(module: dict[str, Any]) -> object:
    """The estimate of pi."""
    return module["MonteCarlo"](20_000)


def lu(module: dict[str, Any]) -> object:
    """Both factors and the pivots."""
    size = 60
    matrix = module["Random"](7).RandomMatrix(module["ArrayList"](size, size))
    factors, pivot = module["ArrayList"](size, size), [0] * size
    module["LU"](factors, matrix, pivot)
    return [list(row) for row in factors.data], pivot


def fft(module: dict[str, Any]) -> object:
    """A transformed vector."""
    data = module["Random"](7).RandomVector(512)
    module["FFT_transform"](512, data)
    return list(data)


# Most benchmarks throw their results away. These look for them afterwards, when the code is hot.
ANSWERS: dict[str, Callable[[dict[str, Any]], object]] = {
    "nbody": nbody,
    "spectral_norm": spectral_norm,
    "nqueens": nqueens,
    "scimark_sor": sor,
    "scimark_sparse_mat_mult": sparse_mat_mult,
    "scimark_monte_carlo": monte_carlo,
    "scimark_lu": lu,
    "scimark_fft": fft,
}


class Runner:
    """Stands in for `pyperf.Runner`: hands the one benchmark that was asked for to `use`."""

    wanted: str
    use: Callable[[Timed, Callable[[], None]], None]
    found: bool

    def __init__(self, *_args: object, **_options: object) -> None:
        self.metadata: dict[str, str] = {}
        self.argparser = argparse.ArgumentParser()

    def parse_args(self, _args: object = None) -> argparse.Namespace:
        """The defaults of the benchmark."""
        return self.argparser.parse_args([])

    def bench_func(self, name: str, func: Callable[..., object], *args: object, **_options: object) -> None:
        """A benchmark that is one call; its result is part of the output."""
        last: list[object] = [None]

        def timed(loops: int) -> float:
            result: object = None
            turns = range(loops)
            started = time.perf_counter()
            for _ in turns:
                result = func(*args)
            seconds = time.perf_counter() - started
            last[0] = result
            return seconds

        self._found(name, timed, func, lambda: print("result:", last[0]))

    def bench_time_func(self, name: str, func: Callable[..., float], *args: object, **_options: object) -> None:
        """A benchmark that takes the number of loops and returns the time."""
        self._found(name, lambda loops: func(loops, *args), func, lambda: None)

    def _found(self, name: str, timed: Timed, func: Callable[..., object], result: Callable[[], None]) -> None:
        if name != Runner.wanted:
            return

        def answer() -> None:
            result()
            if name in ANSWERS:
                print("answer:", ANSWERS[name](func.__globals__))

        Runner.found = True
        Runner.use(timed, answer)


def script(name: str) -> Path:
    """The file with this benchmark; one file may have several, as scimark_lu is in bm_scimark."""
    folder = Path(pyperformance.__file__).parent / "data-files" / "benchmarks"
    words = name.split("_")
    for length in range(len(words), 0, -1):
        path = folder / ("bm_" + "_".join(words[:length])) / "run_benchmark.py"
        if path.exists():
            return path
    raise SystemExit(f"pyperformance has no benchmark {name}")


def start(name: str, use: Callable[[Timed, Callable[[], None]], None]) -> None:
    """Run the benchmark's file as a main program."""
    Runner.wanted, Runner.use, Runner.found = name, staticmethod(use), False
    pyperf.Runner = Runner
    path = script(name)
    runpy.run_path(str(path), run_name="__main__")
    if not Runner.found:
        raise SystemExit(f"{path.parent.name} has no benchmark {name}")


def calibrate(name: str, least: float) -> int:
    """Loops that make one round at least this many seconds long."""
    loops = 1

    def use(timed: Timed, _answer: Callable[[], None]) -> None:
        nonlocal loops
        while timed(loops) < least:
            loops *= 2

    start(name, use)
    return loops


def work(name: str, loops: int, warm_up: int, rounds: int) -> tuple[list[float], float]:
    """Seconds per loop of each round after the warm-up, and the clock after the last."""
    seconds: list[float] = []
    finished = 0.0

    def use(timed: Timed, answer: Callable[[], None]) -> None:
        nonlocal finished
        seconds.extend(timed(loops) / loops for _ in range(warm_up + rounds))
        finished = time.perf_counter()
        answer()

    start(name, use)
    return seconds[warm_up:], finished


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="nbody, scimark_lu, ...")
    parser.add_argument("--result", type=Path, required=True, help="file for the result (JSON)")
    parser.add_argument("--decal", action="store_true", help="with decal switched on")
    parser.add_argument("--loops", type=int, default=1, help="loops in each round")
    parser.add_argument("--warm-up", type=int, default=2, help="rounds before the ones that count")
    parser.add_argument("--rounds", type=int, default=5, help="rounds that count")
    parser.add_argument("--calibrate", type=float, metavar="SECONDS", help="only find loops for a round this long")
    args = parser.parse_args()
    if args.calibrate is not None:
        args.result.write_text(str(calibrate(args.name, args.calibrate)), encoding="utf-8")
        return
    measure.run(lambda: work(args.name, args.loops, args.warm_up, args.rounds), args.decal, args.result)


if __name__ == "__main__":
    main()
