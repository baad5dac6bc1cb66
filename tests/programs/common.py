"""What all the programs use: run a function, print what it gave or raised, exactly."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any


def text(value: Any) -> str:
    """A representation that tells types, signs of zeros and identities of singletons apart."""
    if isinstance(value, (tuple, list)):
        inner = ", ".join(text(item) for item in value)
        return f"{type(value).__name__}({inner})"
    shown = repr(value)
    if len(shown) > 200:
        shown = f"{shown[:90]}...{shown[-90:]} ({len(shown)} characters)"
    return f"{type(value).__name__}:{shown}"


def show(function: Callable[..., Any], *args: Any, note: str = "") -> None:
    """Calls the function and prints result or traceback."""
    name = f"{function.__qualname__}{note}"
    try:
        result = function(*args)
    except Exception:
        print(f"{name} raised")
        print(traceback.format_exc())
    else:
        print(f"{name} -> {text(result)}")
