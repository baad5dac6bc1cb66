"""Programs with a build that verifies each trace, counts its references and checks its registers (profile `checked`).

Such a mistake is a reason for which a trace is not made, so that the program does what it should all the same: nobody
would see it but for the reason, which begins with "internal:". All other tests run what users get, which checks
nothing of that. `cargo xtask test checked` builds it and runs this file; it is not among what pytest finds by itself.
"""

from __future__ import annotations

import warnings
import zlib

import fuzz
import pytest
from conftest import python
from test_differential import RUNS, same
from test_faults import PROGRAMS

# With exits in great numbers, or much to wait for: once is enough.
LONG = {"limits_in_calls", "exceptions_in_calls", "recursion", "frames_in_calls"}
# Random programs: so many in all, in processes of so many. The same ones each time.
RANDOM = 240
BATCH = 60
# Ways of running in which a trace may look different, or begin elsewhere.
FAULTS = [
    *({"DECAL_STRESS": f"hot,guards:{number}"} for number in range(1, 40, 6)),
    *({"DECAL_STRESS": f"hot,registers:{number}"} for number in (30, 31, 32)),
    *({"DECAL_STRESS": f"hot,abandon:{number}"} for number in (5, 17, 33)),
    *({"DECAL_STRESS": f"hot,alloc:{number}"} for number in (0, 2, 7)),
    *({"DECAL_STRESS": f"hot,invalidate:{number}"} for number in (0, 3)),
    *({"DECAL_STRESS": f"hot,without:{part}"} for part in fuzz.PARTS),
    {"DECAL_OPTIMIZE": "0", "DECAL_STRESS": "hot"},
]


def test_it_is_such_a_build() -> None:
    """Otherwise nothing here could fail."""
    assert python("-c", "import decal._decal; print(decal._decal.CHECKED)").stdout == "True\n"


@pytest.mark.parametrize("name", RUNS)
def test_programs(name: str) -> None:
    """Everything hot; then with one guard that fails, and with pauses that come otherwise, both drawn from the name."""
    same(name, {"DECAL_STRESS": "hot"})
    if name not in LONG:
        number = zlib.crc32(name.encode())
        same(name, {"DECAL_STRESS": f"hot,guards:{number % 60}"}, traces=False)
        same(name, {"DECAL_STRESS": f"hot,dice:{number % 1000}"})


@pytest.mark.parametrize("first", range(0, RANDOM, BATCH))
def test_random_programs(first: int) -> None:
    """Small ones of all kinds, each in two ways."""
    items = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in range(first, first + BATCH):
            kind = fuzz.SHARES[number % len(fuzz.SHARES)]
            ways = [{"DECAL_STRESS": "hot"}, *fuzz.ways_of(5, number, list(fuzz.WAYS), 1)]
            items.append((fuzz.KINDS[kind](5, number), ways))
        failures = fuzz.run_batch(items)
    assert not failures, failures[0]


@pytest.mark.parametrize("program", PROGRAMS)
def test_faults(program: tuple[str, int]) -> None:
    """The faults of `test_faults`, some of each kind."""
    kind, number = program
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        failures = fuzz.run_batch([(fuzz.KINDS[kind](1, number), FAULTS)])
    assert not failures, failures[0]
