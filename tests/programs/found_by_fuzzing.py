"""What `cargo xtask fuzz` found, made small by it. Each was wrong once, with the switches that its comment names."""

from common import show


def left_generator(n):
    # DECAL_STRESS=hot: the generator is made and ends with the loop that is left, and so does the iterator that only it
    # has; its place was written later, into memory that was free.
    s = "abc"
    for x in (1, n, 2.5, 7):
        for x in (q for q in range(2) for r in (1, q)):
            break
        s = s[1] + "ab"
    return s, x


for start in (6, 2, 0):
    show(left_generator, start)
