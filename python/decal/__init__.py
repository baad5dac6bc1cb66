"""A just-in-time compiler that attaches to the CPython you have.

>>> import decal
>>> decal.enable()
True
>>> def total(n):
...     s = 0
...     for i in range(n):
...         s += i * i
...     return s
>>> total(10_000)
333283335000

The loop above ran as machine code for the most part, and nothing else about it changed. Ask what happened with
`stats()`, `explain()`, `traces()` and `disassemble()`. To run a whole program unchanged: ``python -m decal app.py``.

Importing this package never fails and switches nothing on. Where decal cannot work, `enable()` gives False, `status()`
says why, and everything else here does nothing.
"""

from __future__ import annotations

from types import CodeType, FunctionType, MethodType

# What type checkers read; importing `typing` would take longer than all else here together.
TYPE_CHECKING = False

_missing: str | None = None
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar, overload

    from decal import _decal
    from decal._decal import CompileError

    F = TypeVar("F", bound=Callable[..., Any])
else:

    def overload(function):  # noqa: ANN001, ANN202
        """As in `typing`."""
        return function

    try:
        from decal._decal import CompileError  # noqa: I001  (the message of this one names the module)
        from decal import _decal
    # Any failure counts: a library for another version can fail in many ways, and importing decal must not.
    except Exception as error:
        _missing = f"the extension module cannot be loaded ({' '.join(str(error).split())})"

        class CompileError(RuntimeError):
            """A function that was decorated with ``@jit(strict=True)`` cannot be compiled."""


__all__ = [
    "CompileError",
    "disable",
    "disassemble",
    "enable",
    "explain",
    "is_enabled",
    "jit",
    "nojit",
    "stats",
    "status",
    "traces",
]


def enable() -> bool:
    """Switch decal on. True if it is on afterwards, else `status()` says why not.

    Enabling twice is fine. A `DECAL_…` environment variable with a value that is not known is a `ValueError`.

    >>> enable(), enable()
    (True, True)
    """
    return _missing is None and _decal.enable() is None


def disable() -> None:
    """Switch decal off: all code runs in CPython again. Harmless where it is off already.

    >>> disable()
    >>> is_enabled()
    False
    >>> enable()
    True
    """
    if _missing is None:
        _decal.disable()


def is_enabled() -> bool:
    """Whether decal is on.

    >>> enable() == is_enabled()
    True
    """
    return _missing is None and _decal.is_enabled()


def status() -> str:
    """One line: ``on: …``, or ``off: …`` with the reason.

    >>> enable()
    True
    >>> status()
    'on: ...'
    """
    return _decal.status() if _missing is None else f"off: {_missing}"


def _code_of(function: object, user: str) -> CodeType:
    """The code object of whatever may stand for a Python function."""
    inner = function
    if isinstance(inner, (staticmethod, classmethod)):
        inner = inner.__func__
    if isinstance(inner, MethodType):
        inner = inner.__func__
    if isinstance(inner, FunctionType):
        return inner.__code__
    if isinstance(inner, CodeType):
        return inner
    raise TypeError(f"decal.{user} needs a Python function or method, not {type(function).__name__} {function!r:.80}")


@overload
def jit(function: F, /) -> F: ...


@overload
def jit(*, strict: bool = False) -> Callable[[F], F]: ...  # noqa: F811


def jit(function: F | None = None, /, *, strict: bool = False) -> F | Callable[[F], F]:  # noqa: F811
    """Compile this function from its first call on, without waiting for it to become hot.

    Switches decal on. The function that comes back is the very one that was given, so that name, signature and doc
    stay. With ``strict=True`` a `CompileError` that names line and reason is raised where a part of the function cannot
    be compiled; where decal is off the function just runs.

    >>> @jit
    ... def collatz(n):
    ...     steps = 0
    ...     while n != 1:
    ...         n = n // 2 if n % 2 == 0 else 3 * n + 1
    ...         steps += 1
    ...     return steps
    >>> collatz(27)
    111

    >>> @jit(strict=True)
    ... def numbers():
    ...     yield 1
    Traceback (most recent call last):
        ...
    decal.CompileError: ...
    """

    def decorate(function: F) -> F:
        code = _code_of(function, "jit")
        if enable():
            reason = _decal.ask(code, strict)
            if reason is not None and strict:
                raise CompileError(f"{code.co_filename}:{code.co_firstlineno}: {code.co_qualname}: {reason}")
        return function

    return decorate if function is None else decorate(function)


def nojit(function: F, /) -> F:
    """Never compile loops of this function. The same function comes back.

    >>> @nojit
    ... def plain(n):
    ...     for i in range(n):
    ...         pass
    ...     return n
    >>> plain(1000)
    1000
    """
    code = _code_of(function, "nojit")
    if _missing is None:
        _decal.forbid(code)
    return function


def explain(function: object = None, /) -> str:
    """What became of each loop of `function`, or of all code that was seen: compiled or not, on which line, and why.

    >>> @jit
    ... def count(n):
    ...     i = 0
    ...     while i < n:
    ...         i += 1
    ...     return i
    >>> count(5000)
    5000
    >>> "count" in explain(count)
    True
    """
    code = None if function is None else _code_of(function, "explain")
    return _decal.explain(code) if _missing is None else status()


def traces(function: object, /) -> str:
    """The traces of `function` in decal's intermediate representation.

    >>> text = traces(explain)
    """
    code = _code_of(function, "traces")
    return _decal.traces(code) if _missing is None else status()


def disassemble(function: object, /) -> str:
    """The machine code of `function`'s traces: addresses, bytes, instructions, and which micro-op each is part of.

    >>> text = disassemble(explain)
    """
    code = _code_of(function, "disassemble")
    return _decal.disassemble(code) if _missing is None else status()


def stats() -> dict[str, int]:
    """What decal did, in numbers: traces, entries, iterations, time spent compiling, why recordings were abandoned, ….

    >>> all(isinstance(value, int) for value in stats().values())
    True
    """
    return _decal.stats() if _missing is None else {}
