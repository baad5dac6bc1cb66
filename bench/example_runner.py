"""Run one example as a main program, once, and time it.

The clock is inside of the process: starting Python is not what decal changes. It starts before the
first line of the example and so counts all compiling that decal does.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from types import ModuleType

import measure


def work(path: Path) -> tuple[list[float], float]:
    """Run the file as `python FILE` does; the seconds that took, and the clock after it."""
    code = compile(path.read_bytes(), str(path), "exec")
    module = ModuleType("__main__")
    module.__file__ = str(path)
    sys.modules["__main__"] = module
    sys.argv = [str(path)]
    sys.path.insert(0, str(path.parent))
    started = measure.clock()
    exec(code, module.__dict__)
    finished = measure.clock()
    return [finished - started], finished


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path, help="the example")
    parser.add_argument("--result", type=Path, required=True, help="file for the result (JSON)")
    parser.add_argument("--decal", action="store_true", help="with decal switched on")
    parser.add_argument("--cpu", action="store_true", help="processor time in place of the wall clock")
    args = parser.parse_args()
    measure.run(lambda: work(args.path.resolve()), args.decal, args.result)


if __name__ == "__main__":
    main()
