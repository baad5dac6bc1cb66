"""Loops, jumps, conditions."""

from common import show


def count_while(n):
    i = total = 0
    while i < n:
        total += i
        i += 1
    return i, total


def count_down(n):
    steps = 0
    while n:
        n -= 1
        steps += 1
    return n, steps


def while_else(n, stop):
    i = 0
    while i < n:
        if i == stop:
            break
        i += 1
    else:
        return "else", i
    return "break", i


def for_else(n, stop):
    for i in range(n):
        if i == stop:
            result = "break"
            break
    else:
        result = "else"
    return result, i


def continues(n):
    odd = even = third = 0
    for i in range(n):
        if i % 2:
            odd += 1
            continue
        even += 1
        if i % 3 == 0:
            third += 1
            continue
        even += 10
    return odd, even, third


def nested(n, m):
    total = 0
    for i in range(n):
        for j in range(m):
            if j > i:
                break
            total += i * j
        else:
            total += 100_000
    return total


def nested_while(n):
    i = total = 0
    while i < n:
        j = i
        while j > 0:
            j //= 2
            total += j
            if total > 1_000_000:
                total -= 1_000_000
                break
        i += 1
    return i, total


def three_deep(n):
    total = 0
    for i in range(n):
        for j in range(i, n):
            for k in range(j, n, 2):
                total += i ^ j ^ k
    return total


def infinite(limit):
    i = 0
    while True:
        i += 3
        if i > limit:
            return i


def ranges(n):
    result = []
    for start, stop, step in ((0, n, 1), (n, 0, -1), (-n, n, 3), (n, -n, -7), (5, 5, 1), (5, 0, 1), (0, 5, -1)):
        total = count = 0
        last = None
        for i in range(start, stop, step):
            total += i * count
            count += 1
            last = i
        result.append((total, count, last))
    return result


def ranges_with_steps(n):
    def both_ways(count, steps):
        total = 0
        for k in range(count):
            step = steps[k % len(steps)]
            for x in range(k, 3 * k, step):
                total += x
            for x in range(3 * k, k, -step):
                total -= x
        return total, x

    def far(count):
        turns = 0
        for k in range(count):
            for _ in range(-(2**62), 2**62, 2**58 + k):
                turns += 1
            for x in range(2**62, -(2**62), -(2**58) - k):
                turns += x & 1
        return turns

    try:
        both_ways(n, [1] * (n // 2) + [0])
    except ValueError as error:
        refused = str(error)
    steps = ([1, 2, 3], [7], [1, 1, 1, 10**6], [-1, 1, -3], [2**40, 2**59, 2**62])
    return [both_ways(n // 3, some) for some in steps], far(n), refused


def ranges_from_variables(n):
    total = 0
    for i in range(n):
        for j in range(i % 5, i % 11, 2):
            total += j
        for j in range(i % 7, -3, -1):
            total -= j
    return total


def range_object(n):
    numbers = range(3, n, 4)
    total = 0
    for _ in range(50):
        for i in numbers:
            total += i
    return total


def huge_range(n):
    total = 0
    for i in range(2**62, 2**62 + n):
        total ^= i
    for i in range(2**70, 2**70 + n):
        total ^= i
    return total


def range_with_bools(n):
    total = 0
    for i in range(n):
        for j in range(i % 2 == 0):
            total += i + j
    return total


def range_changes_bound(n):
    total = 0
    for i in range(n):
        n = 5
        total += i + n
    return total, n


def loop_variable_assigned(n):
    total = 0
    for i in range(n):
        i *= 2
        total += i
    return total, i


def conditional_expressions(n):
    total = 0
    for i in range(n):
        total += i if i % 3 else -i
        total += 1 if i > 500 else (2 if i > 200 else 3)
        total -= (i and 5) or 7
    return total


def boolean_operators(n):
    result = 0
    for i in range(n):
        a = i % 2
        b = i % 3
        if a and b:
            result += 1
        if a or b:
            result += 10
        if not a and not b:
            result += 100
        if a and b or not a and i % 5 == 0:
            result += 1000
        x = a and b
        y = a or b
        z = not x
        result += x * 3 + y * 5 + z * 7
    return result


def comparisons(n):
    counts = [0] * 8
    for i in range(n):
        if 100 < i < 200:
            counts[0] += 1
        if 0 <= i % 7 <= 3 != i % 5:
            counts[1] += 1
        if i == 700 or i != 701:
            counts[2] += 1
        if not i < 300:
            counts[3] += 1
        if i >= 999.5:
            counts[4] += 1
        if i <= True + True:
            counts[5] += 1
        if (i < 5) == (i > 2):
            counts[6] += 1
        if (i < 5) < (i > 2):
            counts[7] += 1
    return counts


def comparison_values(n):
    last = None
    total = 0
    for i in range(n):
        last = i > n - 2
        total += last
        total += (i == 5) + (i != 5) * 2
    return last, total


def is_operator(n):
    nothing = same = small = large = booleans = 0
    previous = None
    for i in range(n):
        if previous is None:
            nothing += 1
        x = i * 1000
        y = x
        if x is y:
            same += 1
        p = i % 200
        q = (i + 400) % 200
        if p is q:
            small += 1
        p = i % 9 + 1000
        q = i % 9 + 999 + 1
        if p is q:
            large += 1
        if (i > 5) is True:
            booleans += 1
        previous = i if i % 10 else None
    return nothing, same, small, large, booleans


def contains(n):
    total = 0
    for i in range(n):
        if i % 10 in (1, 3, 5):
            total += 1
        if i % 10 not in (2, 4):
            total += 100
        if i in (i, 7):
            total += 10_000
        if i % 4 in (0.0, 1.5, True):
            total += 1_000_000
        if i in ():
            total = 0
    return total


def unused_values(n):
    for i in range(n):
        i  # noqa: B018
        i + 1  # noqa: B018
        -i  # noqa: B018
    return i


def returns_inside(limit):
    for i in range(5000):
        for j in range(10):
            if i * 10 + j == limit:
                return i, j
    return None


def one_number_in_two_variables(n):
    for i in range(n):
        d = 3
        if i & 3:
            d = i
    return i, d


def swap_roles(n):
    a, b, c = 1, 2, 3
    for _ in range(n):
        a, b, c = c, a, b
    return a, b, c


def match_statement(n):
    total = 0
    for i in range(n):
        match i % 5:
            case 0:
                total += 1
            case 1 | 2:
                total += 10
            case x if x == 3:
                total += 100
            case _:
                total += 1000
    return total


def walrus(n):
    total = 0
    i = 0
    while (i := i + 1) < n:
        if (rest := i % 7) > 3:
            total += rest
    return total, rest


for rounds in (0, 1, 3, 2000):
    show(count_while, rounds)
    show(ranges_with_steps, rounds // 4)
    show(count_down, rounds)
    show(continues, rounds)
    show(unused_values, max(1, rounds))
    show(conditional_expressions, rounds)
    show(boolean_operators, rounds)
    show(comparison_values, rounds)
    show(is_operator, rounds)
    show(contains, rounds)
    show(ranges, rounds)
    show(huge_range, rounds)
    show(loop_variable_assigned, max(1, rounds))
show(while_else, 1500, 5000)
show(while_else, 1500, 1499)
show(while_else, 1500, 0)
show(for_else, 1500, 5000)
show(for_else, 1500, 700)
show(nested, 60, 60)
show(nested, 200, 3)
show(nested_while, 1500)
show(three_deep, 26)
show(infinite, 5000)
show(ranges_from_variables, 1000)
show(range_object, 200)
show(range_with_bools, 2000)
show(range_changes_bound, 1500)
show(comparisons, 1200)
show(returns_inside, 25_431)
show(returns_inside, 17)
show(returns_inside, 50_000)
for size in (1501, 1502, 1505):
    show(one_number_in_two_variables, size)
show(swap_roles, 2000)
show(match_statement, 2000)
show(walrus, 2000)
