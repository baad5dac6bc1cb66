"""``python -m decal``: run a program with decal switched on, and otherwise exactly as ``python`` would."""

from __future__ import annotations

import atexit
import builtins
import importlib.machinery
import importlib.util
import io
import linecache
import os
import runpy
import sys
import zipimport
from types import ModuleType

import decal
from decal._report import format_stats

# As in the package: `typing` is for type checkers only, starting up has to be quick.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, TracebackType
    from typing import Any, NoReturn

USAGE = "python -m decal [--stats] [--explain] (SCRIPT | -m MODULE | -c CODE) [ARGUMENT ...]"
HELP = f"""usage: {USAGE}

Runs a Python program with decal switched on.

  --stats    afterwards, print to standard error what decal did, in numbers
  --explain  afterwards, print to standard error which loops were compiled, which were not, and why
  --help     print this

Environment: DECAL_JIT=0|1|interpreter, DECAL_OPTIMIZE=0|1, DECAL_DEBUG=0..5, DECAL_PERF=map, DECAL_COUNT=0|1,
DECAL_MEMORY=64M, DECAL_VERIFY=0|1|FOLDER, DECAL_STRESS=hot,guards:N,registers:SEED,dice:SEED,… (for tests)."""


class BadInput(Exception):
    """What is wrong, and what to do."""


class Arguments:
    """The command line: what to run, with which options."""

    def __init__(self) -> None:
        self.kind = ""
        self.target = ""
        self.rest: list[str] = []
        self.stats = False
        self.explain = False


def parse(words: list[str]) -> Arguments:
    """Reads the command line. All behind the program is the program's own, so `argparse` would not do."""
    arguments = Arguments()
    for index, word in enumerate(words):
        if word in ("-h", "--help"):
            print(HELP)
            sys.exit(0)
        elif word == "--stats":
            arguments.stats = True
        elif word == "--explain":
            arguments.explain = True
        elif word[:2] in ("-m", "-c"):
            # As for python itself, the value may follow without a space.
            values = [word[2:]] if word[2:] else words[index + 1 : index + 2]
            if not values:
                what = "the name of a module" if word == "-m" else "the code to run"
                raise BadInput(f"{word} needs {what} after it; usage: {USAGE}")
            arguments.kind, arguments.target = word[:2], values[0]
            arguments.rest = words[index + 1 + (not word[2:]) :]
            return arguments
        elif word.startswith("-"):
            raise BadInput(f"unknown option {word}; known are --stats, --explain, --help, -m, -c; usage: {USAGE}")
        else:
            arguments.kind, arguments.target, arguments.rest = "script", word, words[index + 1 :]
            return arguments
    raise BadInput(f"nothing to run; usage: {USAGE}")


def _script_name(path: str) -> str:
    """The absolute name of a script the way CPython makes it."""
    return path if os.path.isabs(path) else os.path.join(os.getcwd(), path)


def _read_script(path: str) -> bytes:
    try:
        with io.open_code(_script_name(path)) as file:
            return file.read()
    except OSError as error:
        raise BadInput(f"cannot open the script {path!r}: {error.strerror}; check its path") from None


def _module(kind: str, name: str) -> tuple[CodeType, dict[str, Any]]:
    """Finds a module, or the `__main__` of a folder or archive. May run the code of the packages that it is in."""
    try:
        # Private, but what pdb and cProfile use too; there is no public way that imports only the parents.
        if kind == "script":
            _, spec, code = runpy._get_main_module_details(BadInput)  # type: ignore[attr-defined]
        else:
            _, spec, code = runpy._get_module_details(name, BadInput)  # type: ignore[attr-defined]
    except BadInput as error:
        if kind == "script":
            raise BadInput(f"{sys.path[0]!r} has no __main__.py; name a script, or add one") from None
        message = " ".join(str(error).split()).removesuffix(".")
        raise BadInput(f"{message}; -m needs a module that can be imported or a package with __main__.py") from None
    names = {"__package__": spec.parent, "__loader__": spec.loader, "__spec__": spec}
    return code, {**names, "__file__": spec.origin, "__cached__": spec.cached}


def _compile(source: bytes, name: str) -> CodeType:
    # Null bytes are an error that `compile` has its own words for. It takes a millisecond longer.
    if decal.is_enabled() and b"\0" not in source:
        from decal import _decal

        return _decal.compile_script(source, name)
    code: CodeType = compile(source, name, "exec", dont_inherit=True)
    return code


def _prepare(arguments: Arguments, source: bytes | None) -> tuple[CodeType, dict[str, Any]]:
    """The code to run and the names that `__main__` starts with; sets `sys.argv` and `sys.path`."""
    kind, target = arguments.kind, arguments.target
    sys.argv = [target if kind == "script" else kind, *arguments.rest]
    # With -P or -I there is no entry for the script in sys.path; our own start was the current folder's.
    replaces = not getattr(sys.flags, "safe_path", False)
    if kind == "-m":
        code, names = _module(kind, target)
        sys.argv[0] = names["__file__"]
        return code, names
    if kind == "-c":
        if replaces:
            sys.path[0] = ""
        code = compile(target, "<string>", "exec", dont_inherit=True)
        # Tracebacks show these lines, as python does for its own -c.
        lines = [line + "\n" for line in target.splitlines()]
        linecache.cache["<string>"] = (len(target), None, lines, "<string>")
        names = {"__package__": None, "__loader__": importlib.machinery.BuiltinImporter, "__spec__": None}
        return code, names
    name = _script_name(target)
    if source is None:
        sys.path[:1] = [name] if replaces else [name, *sys.path[:1]]
        return _module(kind, "__main__")
    if replaces:
        sys.path[0] = os.path.dirname(os.path.realpath(name))
    loader: Any
    if source.startswith(importlib.util.MAGIC_NUMBER):
        loader = importlib.machinery.SourcelessFileLoader("__main__", name)
        code = loader.get_code("__main__")
    else:
        loader = importlib.machinery.SourceFileLoader("__main__", name)
        code = _compile(source, name)
    names = {"__package__": None, "__loader__": loader, "__spec__": None, "__file__": name, "__cached__": None}
    return code, names


def _run(arguments: Arguments, source: bytes | None, off: str | None) -> None:
    """Runs the program. Tracebacks are cut behind this frame."""
    module = ModuleType("__main__")
    # __main__ first: a package's code that `-m` imports must not find decal's own there.
    namespace = module.__dict__
    namespace["__annotations__"] = {}
    namespace["__builtins__"] = builtins
    sys.modules["__main__"] = module
    code, names = _prepare(arguments, source)
    namespace.update(names)
    if off is not None:
        _say(f"{off}; running without it")
    if decal.is_enabled():
        from decal import _decal

        # The recursion limit begins at the program, but for the frames that CPython's own command has too.
        _decal.hide_frames(2 if arguments.kind == "-m" else 0)
    exec(code, namespace)


def _hide_own_frames() -> None:
    """Lets the traceback of the exception that ends the program start at the program, as it would without decal."""
    hook = getattr(sys, "excepthook", None)
    if hook is None:
        return

    def show(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        sys.excepthook = hook
        rest = traceback
        while rest is not None and rest.tb_frame.f_code is not _run.__code__:
            rest = rest.tb_next
        # Where the program cannot even be compiled, there are more of decal's own.
        while rest is not None and rest.tb_frame.f_globals is globals():
            rest = rest.tb_next
        sys.last_traceback = error.__traceback__ = rest
        hook(kind, error, rest)

    sys.excepthook = show


def _say(text: str) -> None:
    if sys.stderr is not None:
        print(f"decal: {text}", file=sys.stderr, flush=True)


def _fail(text: object) -> NoReturn:
    _say(" ".join(str(text).split()))
    sys.exit(2)


def _report_at_exit(arguments: Arguments) -> None:
    """Registered before the program starts, so that it comes after all of the program's own `atexit` functions."""
    process = os.getpid()

    def report() -> None:
        if os.getpid() != process or sys.stderr is None:
            return
        if arguments.explain:
            print(decal.explain(), file=sys.stderr)
        if arguments.stats:
            print(format_stats(decal.stats()), file=sys.stderr)

    atexit.register(report)


def main() -> None:
    """The command."""
    try:
        arguments = parse(sys.argv[1:])
        source: bytes | None = None
        if arguments.kind == "script" and not _is_container(arguments.target):
            source = _read_script(arguments.target)
        off = None if decal.enable() else decal.status().removeprefix("off: ")
    except (BadInput, ValueError) as error:
        _fail(error)
    if arguments.stats or arguments.explain:
        _report_at_exit(arguments)
    try:
        _run(arguments, source, off)
    except BadInput as error:
        # The program's own reports would only hide the message.
        arguments.stats = arguments.explain = False
        decal.disable()
        _fail(error)
    except SystemExit:
        raise
    except BaseException:
        _hide_own_frames()
        raise


def _is_container(path: str) -> bool:
    """Whether CPython would run the `__main__` that is inside of this: a folder or a zip archive."""
    if os.path.isdir(path):
        return True
    try:
        zipimport.zipimporter(path)
    except zipimport.ZipImportError:
        return False
    return True


if __name__ == "__main__":
    main()
