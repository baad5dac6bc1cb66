"""Every operator on every pair of numbers of different kinds, each in a loop of its own."""

from common import text

VALUES = [
    *(
        True,
        False,
        0,
        1,
        -1,
        2,
        7,
        -13,
        255,
        2**30 - 1,
        2**31,
        -(2**31),
        2**53 + 1,
        2**62 - 1,
        -(2**62),
        2**63,
        -(2**75),
    ),
    *(0.0, -0.0, 0.5, -2.5, 3.0, 1e100, 5e-324, float("inf"), float("-inf"), float("nan")),
]
BINARY = ["+", "-", "*", "/", "//", "%", "&", "|", "^", "<", "<=", "==", "!=", ">", ">="]
SMALL = [True, False, 0, 1, 2, 3, 31, 64, -1, -5, 0.5, 2.0]
LIMITED = ["**", "<<", ">>"]
UNARY = ["-", "+", "~", "not "]

TEMPLATE = """
def loop(pairs, rounds):
    results = [None] * len(pairs)
    for index in range(len(pairs)):
        a, b = pairs[index]
        r = None
        try:
            for _ in range(rounds):
                r = {expression}
        except Exception as error:
            r = (type(error).__name__, str(error))
        results[index] = r
    return results
"""

# The same with the operands coming from the loop itself, so that their kind changes from turn to turn.
CHANGING = """
def loop(pairs, rounds):
    results = []
    for a, b in pairs * rounds:
        try:
            r = {expression}
        except Exception as error:
            r = (type(error).__name__, str(error))
        results.append(r)
    return results
"""


def make(template, expression):
    names = {}
    exec(template.format(expression=expression), names)
    return names["loop"]


def digest(results):
    value = 0
    for result in results:
        for character in text(result):
            value = (value * 1_000_003 + ord(character)) % 2**61
    return value


def run(expression, values, others):
    pairs = [(a, b) for a in values for b in others]
    results = make(TEMPLATE, expression)(pairs, 25)
    changing = make(CHANGING, expression)(pairs, 4)
    print(expression, digest(results), changing == results * 4 or digest(changing))
    # A few in full, so that a difference can be seen.
    for (a, b), result in list(zip(pairs, results))[:: max(1, len(pairs) // 40)]:
        print(f"  {a!r}, {b!r}: {text(result)}")


for operator in BINARY:
    run(f"a {operator} b", VALUES, VALUES)
for operator in LIMITED:
    run(f"a {operator} b", VALUES[:15] + VALUES[17:], SMALL)
for operator in UNARY:
    run(f"{operator}a", VALUES, [0])
for expression in ("a and b", "a or b", "a if b else 5", "a < b < 3", "(a, b)[b == 0]", "a is b", "a in (b, 1, 2)"):
    run(expression, VALUES, SMALL)
for expression in ("int(a)", "bool(a)", "round(a)", "abs(a)", "min(a, b)", "max(a, b)", "float(a)"):
    run(expression, VALUES, SMALL)
