"""The examples in the docstrings, run as a reader would run them."""

from __future__ import annotations

import doctest

import pytest
from conftest import python

RUN = """
import decal, doctest, sys
flags = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL
result = doctest.testmod(decal, optionflags=flags, extraglobs={"decal": decal})
print(result.attempted, result.failed)
"""


@pytest.mark.parametrize("mode", ["1", "interpreter"])
def test_docstrings(mode: str) -> None:
    """They work natively and on the trace interpreter."""
    outcome = python("-c", RUN, switches={"DECAL_JIT": mode})
    attempted, failed = outcome.stdout.splitlines()[-1].split()
    assert failed == "0", outcome.stdout
    assert int(attempted) > 15


def test_everything_public_has_an_example() -> None:
    """Each public function shows itself at work."""
    import decal

    finder = doctest.DocTestFinder(recurse=False)
    for name in decal.__all__:
        if name == "CompileError":
            continue
        (found,) = finder.find(getattr(decal, name), name, module=decal)
        assert found.examples, name
