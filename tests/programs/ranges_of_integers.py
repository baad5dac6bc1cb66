"""Integers near the bounds that the optimizer knows of: loops that count up to a bound and past it, in both directions,
with bounds and counters that change in the loop, and on ways through it that come seldom."""

BIG = 2**62
EDGE = 2**63
DIGITS = 2**60
STARTS = (0, -130, DIGITS - 70, -DIGITS - 70, BIG - 70, -BIG - 70, EDGE - 250, EDGE - 70, -EDGE - 70, -EDGE)


def up(i, n):
    s = 0
    while i < n:
        s ^= i + 1
        i += 1
    return i, s


def up_to(i, n):
    s = 0
    while i <= n:
        s ^= i - 1
        i += 1
    return i, s


def up_by(i, n, k):
    turns = 0
    while i < n:
        turns += 1
        i += k
    return i, turns


def down(i, n):
    s = 0
    while i > n:
        s += i & 7
        i -= 1
    return i, s


def not_equal(i, n):
    turns = 0
    while i != n:
        i += 1
        turns += i % 3
    return i, turns


def bound_moves(i, n):
    turns = 0
    while i < n:
        i += 1
        turns += 1
        if turns % 16 == 0:
            n -= 1
        if turns % 25 == 0:
            i += 1
        if turns % 50 == 0:
            n += 3
    return i, n, turns


def counter_moves(i, n):
    turns = 0
    while i < n:
        turns += 1
        if i % 20 == 19:
            i += 3
        if i % 31 == 0 and turns % 3:
            i -= 2
        i += 1
    return i, turns


def leaves_its_bounds(n):
    """The loop begins with an index, which a way through it that comes seldom makes negative."""
    items = list(range(40))
    total = i = 0
    for turn in range(n):
        total += items[i]
        if turn % 30 == 29:
            i = -3
        i = (i + 1) % 40
        if turn % 70 == 69:
            i -= 39
            if i < -30:
                i = 5
    return total, i


def doubles(x, turns):
    """Grows out of a machine word."""
    seen = 0
    for _ in range(turns):
        x = x * 2 + 1
        if x > EDGE:
            x = 3
            seen += 1
    return x, seen


def generator_of_congruences(x, turns):
    s = 0
    for _ in range(turns):
        x = (x * 1103515245 + 12345) % 2147483648
        s += x >> 16 & 0x7FFF
        s -= x // 65536 - (x + 1) // 65536
    return x, s


def masks(data, turns):
    total = 0
    low = 255
    for turn in range(turns):
        byte = data[turn % len(data)]
        if byte < 300:
            total += byte & 255
        if byte > -1:
            total += abs(byte) + min(byte, 256) + max(byte, -1)
        if byte < low:
            low = byte
        total += byte % 256 + (byte - 255) // 3
    return total, low


def two_ends(items, turns):
    swaps = 0
    for _ in range(turns):
        low, high = 0, len(items) - 1
        while low < high:
            if items[low] > items[high]:
                items[low], items[high] = items[high], items[low]
                swaps += 1
            low += 1
            high -= 1
        items.append(items.pop(0))
    return items, swaps


def while_below_length(items):
    i = total = 0
    while i < len(items):
        total += items[i]
        if items[i] == 77:
            items.pop()
        i += 1
    return i, total


def ranges_at_the_edge(start, stop, step):
    total = turns = 0
    for i in range(start, stop, step):
        total ^= i + step
        turns += 1
        if turns % 40 == 0:
            total += i
    return total, turns


def nested(n):
    """The inner loop begins at another place each time."""
    total = 0
    for i in range(n):
        j = i
        while j < n:
            total += j - i
            j += 1
        while j >= -1:
            total += i + j
            j -= 2
    return total


def changes_once(n, at):
    """What was an index is far away from there on."""
    i, total = 0, 0
    while total < n:
        total += 1
        if total == at:
            i = EDGE - 30
        i += 1
    return i, total


def numbered(items, first):
    """Indexes of `enumerate`, which may begin anywhere."""
    total = turns = 0
    for i, item in enumerate(items, first):
        total ^= i + item
        turns += i & 1
        if turns % 30 == 29:
            total -= i
    return total, turns


def numbered_in_turn(items, firsts):
    total = 0
    for first in firsts:
        for i, item in enumerate(items, first):
            total ^= i * 2 - item
    return total


def asked_and_set_anew(n):
    """Nothing but the question uses what `x` was."""
    x = t = small = 0
    while t < n:
        y = 0
        if x < 300:
            y = 1
        x = t & 255
        if t % 40 == 39:
            x = t + 1000
        small += y
        t += 1
    return small


def squares(i, n):
    """Not negative, whatever comes."""
    total = 0
    while i < n:
        total += i * i % 1000003 + i * i // 7
        i += 1
    return total


class Holder:
    x = 0


def compared_only(holder):
    """Nobody needs the number but a comparison with what no number of two digits reaches."""
    return holder.x > 2**60 - 1, holder.x >= -(2**60), min(holder.x, 2**60), max(-(2**60), holder.x)


def compared_in_turn(values):
    n = 0
    for x in values:
        if x <= 2**60 - 1:
            n += 1
        if x + 1 < 2**61:
            n += 10
        if -x < 2**61:
            n += 100
        if x - 1 > -(2**61):
            n += 1000
    return n


def large_after_small():
    holder, seen = Holder(), []
    small = list(range(-40, 40)) * 3
    large = [2**60 - 1, 2**60, 2**61, 2**62, 2**63 - 1, 2**63, 2**70, -(2**60), -(2**61), -(2**63), -(2**70)]
    for value in small + large + small[:9] + large:
        holder.x = value
        seen.append((compared_only(holder), compared_in_turn([1, value, 2, value])))
    return seen[240:]


def main():
    for start in STARTS:
        print(start, up(start, start + 140), up_to(start, start + 140), up_by(start, start + 400, 3))
        print(down(start + 140, start), not_equal(start, start + 140), squares(start, start + 60))
        print(bound_moves(start, start + 150), counter_moves(start, start + 150))
    print(up(EDGE - 100, EDGE - 1), up_to(EDGE - 100, EDGE - 1), up(EDGE - 100, EDGE), down(100 - EDGE, -EDGE))
    print(up_by(EDGE - 2**40, EDGE - 1, 2**33 + 1), up_by(-EDGE, EDGE - 1, 2**56), up_by(0, 2**200, 2**193))
    print(leaves_its_bounds(400), doubles(1, 300), doubles(-1, 70), generator_of_congruences(42, 300))
    print(masks(bytes(range(256)), 400), masks(bytearray([255, 0, 128] * 9), 200), masks([-1, 300, 2**70], 200))
    print(two_ends([7, 3, 77, 1, 9, 0, 4] * 3, 40), two_ends([5], 3))
    print(while_below_length(list(range(150))), while_below_length([77] * 200))
    for start, stop, step in (
        (0, 150, 1),
        (EDGE - 150, EDGE - 1, 1),
        (EDGE - 150, EDGE + 20, 1),
        (-EDGE + 150, -EDGE, -1),
        (-EDGE + 150, -EDGE - 20, -1),
        (-EDGE, EDGE - 1, 2**56),
        (EDGE - 1, -EDGE, -(2**56)),
        (5, 5 - 3 * 140, -3),
        (0, 2**70, 2**63),
    ):
        print(start, stop, step, ranges_at_the_edge(start, stop, step))
    items = list(range(100))
    for start in STARTS:
        print(numbered(items, start), numbered_in_turn(items[:9], [start, 0, start, -1, start + 1] * 8))
    for start in (EDGE - 1, EDGE - 50, EDGE, 2**61, 2**61 - 50, -(2**61) - 3):
        print(numbered(items, start), numbered_in_turn(items[:9], range(start, start + 30)))
    print(asked_and_set_anew(800))
    print(large_after_small())
    print(nested(30), changes_once(200, 120), changes_once(200, 300))


main()
