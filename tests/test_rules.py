"""The optimizer's rules of arithmetic, proved for all operands of 64 bits by an SMT solver.

The claims are made by the rules themselves: `crates/trace/tests/rules/claims.rs`. A claim that does not hold has an
operand that contradicts it, which the solver gives.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest
from conftest import HERE

CARGO = os.environ.get("CARGO") or shutil.which("cargo")
# Work for one claim, in the solver's own measure, so that the answer does not depend on the machine.
EFFORT = 100_000_000

Claims = dict[str, list[tuple[str, str]]]


@pytest.fixture(scope="module")
def claims(tmp_path_factory: pytest.TempPathFactory) -> Claims:
    """By rule: what is claimed, in words and for the solver."""
    if CARGO is None:
        pytest.skip("the claims are made by a Rust test, and there is no cargo here")
    path = tmp_path_factory.mktemp("claims") / "claims.smt2"
    words = [CARGO, "test", "-q", "-p", "decal-trace", "--test", "rules", "claims"]
    environment = {**os.environ, "DECAL_CLAIMS": str(path)}
    made = subprocess.run(words, cwd=HERE.parent, env=environment, capture_output=True, encoding="utf-8", check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    found: Claims = defaultdict(list)
    for claim in re.split(r"^; ", Path(path).read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        head, _, body = claim.partition("\n")
        rule, _, what = head.partition(": ")
        found[rule].append((what, body))
    return found


def contradictions(claims: list[tuple[str, str]]) -> list[str]:
    """What does not hold, or is too hard."""
    z3 = pytest.importorskip("z3", reason="the solver is not installed")
    wrong = []
    for what, body in claims:
        solver = z3.Solver()
        solver.set("rlimit", EFFORT)
        solver.from_string(body)
        answer = solver.check()
        if answer == z3.sat:
            wrong.append(f"{what}: not for {solver.model()}")
        elif answer != z3.unsat:
            wrong.append(f"{what}: {solver.reason_unknown()}")
    return wrong


def test_the_claims_speak_of_what_uops_do(claims: Claims) -> None:
    """The meanings are written twice: for the solver, and in the table. Samples of the table's hold for the solver."""
    assert len(claims["meaning"]) > 1000
    assert contradictions(claims["meaning"]) == []


@pytest.mark.parametrize(
    ("rule", "least"),
    [
        ("neutral zero", 8),
        ("neutral one", 3),
        ("absorbing zero", 2),
        ("all ones", 1),
        ("shift by constant", 64),
        ("quotient by shift", 60),
        ("remainder by mask", 60),
        ("product for quotient", 10),
        ("quotient by product", 100),
        ("remainder by product", 100),
        ("interval", 1500),
        ("passed guards", 300),
        ("no overflow", 100),
        ("guard implied", 100),
        ("comparison known", 200),
        ("sign known", 2),
        ("smaller known", 50),
        ("remainder known", 5),
        ("exact double", 5),
        ("term gone", 150),
        ("commutes", 15),
        ("refuted", 20),
        ("comparisons", 72),
    ],
)
def test_rules(rule: str, least: int, claims: Claims) -> None:
    """Proved for all operands, and for so many constants or uops at least."""
    assert len(claims[rule]) >= least
    assert contradictions(claims[rule]) == []


def test_every_rule_that_makes_claims_is_proved(claims: Claims) -> None:
    """A new one needs a line above."""
    [mark] = test_rules.pytestmark  # type: ignore[attr-defined]
    assert set(claims) == {"meaning", "wrong", *(rule for rule, _ in mark.args[1])}


def test_a_wrong_rule_is_contradicted(claims: Claims) -> None:
    """The one that is wrong on purpose."""
    assert claims["wrong"]
    assert all(": not for [x = " in found for found in contradictions(claims["wrong"]))
    assert len(contradictions(claims["wrong"])) == len(claims["wrong"])
