"""CPython's own tests under decal, with everything hot: programs that nobody wrote with decal in mind."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from conftest import python

MODULES = [
    "test_builtin",
    "test_bytes",
    "test_collections",
    "test_decimal",
    "test_descr",
    "test_enumerate",
    "test_exceptions",
    "test_float",
    "test_generators",
    "test_heapq",
    "test_int",
    "test_iter",
    "test_list",
    "test_long",
    "test_math",
    "test_pickle",
    "test_queue",
    "test_range",
    "test_re",
    "test_scope",
    "test_slice",
    "test_statistics",
    "test_sys_settrace",
    "test_traceback",
    "test_unpack",
]

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("test.libregrtest") is None, reason="this Python comes without its tests"
)


@pytest.mark.parametrize("name", MODULES)
def test_module(name: str, tmp_path: Path) -> None:
    """The module's tests pass wherever they do without decal."""
    words = ["-m", "test", "--timeout", "200", name]
    outcome = python("-m", "decal", *words, timeout=240, cwd=tmp_path, switches={"DECAL_STRESS": "hot"})
    said = outcome.stdout + outcome.stderr
    assert "internal:" not in said, said[-3000:]
    assert "panicked" not in said, said[-3000:]
    if outcome.status != 0 and python(*words, timeout=240, cwd=tmp_path).status == 0:
        pytest.fail(said[-5000:], pytrace=False)
