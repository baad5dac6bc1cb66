"""Run one benchmark of the installed pyperformance package in this process.

pyperformance starts many processes and measures each of them until it is steady. Here `cargo xtask
bench` decides about processes, so that both sides take turns and the cost of the first seconds is
seen. The benchmark's file runs unchanged as a main program; only `pyperf.Runner` is replaced, and so
no list of the functions inside of each benchmark is needed.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import io
import runpy
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import measure
import pyperf
import pyperformance
import rounds


def nbody(module: dict[str, Any], *_args: object) -> object:
    """Where all bodies are after all rounds."""
    return module["SYSTEM"], module["report_energy"]()


def spectral_norm(module: dict[str, Any], *_args: object) -> object:
    """One step of the power method."""
    return module["eval_AtA_times_u"]([1] * module["DEFAULT_N"])


def nqueens(module: dict[str, Any], *_args: object) -> object:
    """All solutions."""
    return list(module["n_queens"](8))


def sor(module: dict[str, Any], *_args: object) -> object:
    """The relaxed matrix, from one that is not all zeros."""
    matrix = module["Random"](11).RandomMatrix(module["Array2D"](50, 50))
    module["SOR_execute"](1.25, matrix, 10, module["Array2D"])
    return list(matrix.data)


def sparse_mat_mult(module: dict[str, Any], *_args: object) -> object:
    """A product with values that are not zero, unlike the benchmark's own."""
    size, each = 100, 5
    values = module["Random"](13).RandomVector(size * each)
    vector = module["Random"](17).RandomVector(size)
    columns = [(row * 7 + k * 3) % size for row in range(size) for k in range(each)]
    result = [0.0] * size
    rows = list(range(0, size * each + 1, each))
    module["SparseCompRow_matmult"](size, result, values, rows, columns, vector, 20)
    return result


def monte_carlo(module: dict[str, Any], *_args: object) -> object:
    """The estimate of pi."""
    return module["MonteCarlo"](20_000)


def lu(module: dict[str, Any], *_args: object) -> object:
    """Both factors and the pivots."""
    size = 60
    matrix = module["Random"](7).RandomMatrix(module["ArrayList"](size, size))
    factors, pivot = module["ArrayList"](size, size), [0] * size
    module["LU"](factors, matrix, pivot)
    return [list(row) for row in factors.data], pivot


def fft(module: dict[str, Any], *_args: object) -> object:
    """A transformed vector."""
    data = module["Random"](7).RandomVector(512)
    module["FFT_transform"](512, data)
    return list(data)


def chaos(module: dict[str, Any], width: int, height: int, iterations: int, _name: object, seed: int) -> object:
    """A digest of the picture; the benchmark that is measured makes none."""
    games = [value for value in gc.get_objects() if type(value) is module["Chaosgame"]]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "chaos.ppm"
        games[0].create_image_chaos(width, height, iterations, str(file), seed)
        return digest(file.read_bytes())


def deltablue(module: dict[str, Any], *_args: object) -> object:
    """What the last plan left; the tests print by themselves where a value is wrong."""
    module["delta_blue"](50)
    marks = module["planner"].current_mark
    return marks, type(module["planner"]).__name__


def comprehensions(module: dict[str, Any], *_args: object) -> object:
    """A tray with everything in it."""
    return module["WidgetTray"](1, module["make_some_widgets"]()).sorted_widgets


def generators(module: dict[str, Any], *_args: object) -> object:
    """A small tree, walked."""
    return list(module["tree"](range(1000)))


def deepcopy(module: dict[str, Any], *_args: object) -> object:
    """A copy, and that its parts are the same parts where the original's are."""
    shared = [1, {"a": (2, [3])}]
    original = {"x": shared, "y": (shared, module["A"]("text", shared, True))}
    copied = module["copy"].deepcopy(original)
    return copied, copied["x"] is copied["y"][0] is copied["y"][1].lst, copied["x"] is shared


def logging(_module: dict[str, Any], logger: Any, _stream: object) -> object:
    """Lines as they come out, with everything that can be formatted and is the same each time."""
    stream = io.StringIO()
    handler = type(logger.handlers[0])(stream=stream)
    handler.setFormatter(type(handler.formatter)() if handler.formatter else None)
    logger.addHandler(handler)
    for number in range(50):
        logger.warning("warning %d of %s", number, "many")
        logger.debug("not seen")
    logger.removeHandler(handler)
    return stream.getvalue()


def json_dumps(module: dict[str, Any], data: Any) -> object:
    """The text of each document."""
    return [digest(module["json"].dumps(document).encode()) for document, _ in data]


def pickle(module: dict[str, Any], pickle_module: Any, arguments: Any) -> object:
    """The bytes of all documents."""
    documents = (module["DICT"], module["TUPLE"], module["DICT_GROUP"])
    return [digest(pickle_module.dumps(document, arguments.protocol)) for document in documents]


def xml_etree(module: dict[str, Any], etree: Any, _function: object) -> object:
    """What processing a new document gives."""
    return digest(module["process"](etree))


def digest(data: bytes) -> str:
    """Stands for what is too long to print."""
    return f"{len(data)} bytes, {hashlib.sha256(data).hexdigest()}"


# Most benchmarks throw their results away. These look for them afterwards, when the code is hot.
ANSWERS: dict[str, Callable[..., object]] = {
    "nbody": nbody,
    "spectral_norm": spectral_norm,
    "nqueens": nqueens,
    "scimark_sor": sor,
    "scimark_sparse_mat_mult": sparse_mat_mult,
    "scimark_monte_carlo": monte_carlo,
    "scimark_lu": lu,
    "scimark_fft": fft,
    "chaos": chaos,
    "deltablue": deltablue,
    "comprehensions": comprehensions,
    "generators": generators,
    "deepcopy": deepcopy,
    "deepcopy_reduce": deepcopy,
    "deepcopy_memo": deepcopy,
    "logging_format": logging,
    "logging_silent": logging,
    "logging_simple": logging,
    "json_dumps": json_dumps,
    "pickle_pure_python": pickle,
    "xml_etree_parse": xml_etree,
    "xml_etree_iterparse": xml_etree,
    "xml_etree_generate": xml_etree,
    "xml_etree_process": xml_etree,
}


class Runner:
    """Stands in for `pyperf.Runner`: hands the one benchmark that was asked for to `use`."""

    wanted: str
    use: rounds.Use
    options: list[str]
    found: bool

    def __init__(self, *_args: object, **_options: object) -> None:
        self.metadata: dict[str, str] = {}
        self.argparser = argparse.ArgumentParser()

    def parse_args(self, _args: object = None) -> argparse.Namespace:
        """What pyperformance passes, and for the rest the defaults of the benchmark."""
        return self.argparser.parse_args(Runner.options)

    def bench_func(self, name: str, func: Callable[..., object], *args: object, **_options: object) -> None:
        """A benchmark that is one call; its result is part of the output."""
        last: list[object] = [None]

        def timed(loops: int) -> float:
            result: object = None
            turns = range(loops)
            started = measure.clock()
            for _ in turns:
                result = func(*args)
            seconds = measure.clock() - started
            last[0] = result
            return seconds

        self._found(name, timed, func, args, lambda: print("result:", last[0]))

    def bench_time_func(self, name: str, func: Callable[..., float], *args: object, **_options: object) -> None:
        """A benchmark that takes the number of loops and returns the time."""
        self._found(name, lambda loops: func(loops, *args), func, args, lambda: None)

    def _found(
        self,
        name: str,
        timed: rounds.Timed,
        func: Callable[..., object],
        args: tuple[object, ...],
        result: Callable[[], None],
    ) -> None:
        if name != Runner.wanted:
            return

        def answer() -> None:
            result()
            if name in ANSWERS:
                print("answer:", ANSWERS[name](func.__globals__, *args))

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


def extra_options(path: Path) -> list[str]:
    """What pyperformance passes to the benchmark's file; one file may have several benchmarks."""
    if not path.exists():
        return []
    with path.open("rb") as file:
        tool = tomllib.load(file)["tool"]["pyperformance"]
    return list(tool.get("extra_opts", []))


def program(name: str, use: rounds.Use) -> None:
    """Run the benchmark's file as a main program."""
    Runner.wanted, Runner.use, Runner.found = name, staticmethod(use), False
    path = script(name)
    Runner.options = extra_options(path.parent / f"bm_{name}.toml")
    pyperf.Runner, pyperf.perf_counter = Runner, measure.clock
    runpy.run_path(str(path), run_name="__main__")
    if not Runner.found:
        raise SystemExit(f"{path.parent.name} has no benchmark {name}")


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="nbody, scimark_lu, ...")
    rounds.options(parser)
    args = parser.parse_args()
    rounds.main(lambda use: program(args.name, use), args)


if __name__ == "__main__":
    main()
