"""Time the `main()` of one example, once.

The clock is inside the process: starting Python is not what decal changes. It starts before the
first line of `main()` and so counts all compiling.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from pathlib import Path

import measure


def work(path: Path) -> tuple[list[float], float]:
    """Load the file as a module and call its `main()`; the seconds that took, and the clock after it."""
    sys.argv = [str(path)]
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    started = time.perf_counter()
    module.main()
    finished = time.perf_counter()
    return [finished - started], finished


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path, help="the example")
    parser.add_argument("--result", type=Path, required=True, help="file for the result (JSON)")
    parser.add_argument("--decal", action="store_true", help="with decal switched on")
    args = parser.parse_args()
    measure.run(lambda: work(args.path.resolve()), args.decal, args.result)


if __name__ == "__main__":
    main()
