"""Tuples, lists, bytes and bytearrays: packing, unpacking, reading, writing, and missing the end."""

from common import show


def swap(n):
    a, b = 1, 2.5
    for _ in range(n):
        a, b = b, a
    return a, b


def rotate(n):
    a, b, c, d = 1, "two", 3.0, None
    for _ in range(n):
        a, b, c, d = d, a, b, c
    return a, b, c, d


def pack(n):
    last = None
    for i in range(n):
        last = (i, i * 0.5, last is None)
    return last


def chain(n):
    last = ()
    for i in range(n):
        last = (i, last)
    depth = 0
    while last:
        last = last[1]
        depth += 1
    return depth


def unpack(n):
    pair, triple = (1, 2), [3, 4.5, 6]
    total = 0
    for i in range(n):
        a, b = pair
        c, d, e = triple
        (f, g), h = (a, b), i
        total += a * b + c + d + e + f - g + h
    return total


def unpack_wrong(n, what):
    total = 0
    for i in range(n):
        a, b = (1, 2) if i < n - 2 else what
        total += a + b
    return total


def unpack_other(n):
    total = 0
    for i in range(n):
        a, b = "xy"
        c, *d = range(4)
        e, f = {1: 2, 3: 4}
        total += (a < b) + c + len(d) + e + f + i
    return total


def tuple_items(n):
    values = (1, 2.5, True, 2**70, "s")
    total = 0
    for i in range(n):
        total += values[0] + values[1] + values[2] + values[i % 4] + values[-2] + len(values[-1])
    return total


def list_sum(values, n):
    total = 0
    for i in range(n):
        total += values[i % len(values)]
    return total


def list_iteration(values, n):
    total = 0
    for _ in range(n):
        for value in values:
            total += value
    return total


def tuple_iteration(n):
    total = 0
    for i in range(n):
        for value in (1, 2.5, i):
            total += value
    return total


def list_grows_while_iterated(n):
    values = [0]
    for value in values:
        if value < n:
            values.append(value + 1)
    return len(values), values[-1]


def list_shrinks_while_iterated(n):
    values = list(range(n))
    seen = 0
    for value in values:
        seen += value
        if len(values) > 10:
            values.pop()
    return seen, len(values)


def list_is_cleared(n):
    values = list(range(n))
    seen = 0
    for value in values:
        seen += 1
        if value == n // 2:
            values.clear()
    return seen, values


def negative_indexes(n):
    values = [1, 2, 3, 4]
    total = 0
    for i in range(n):
        total += values[-1 - i % 4] * i
        values[-(i % 4) - 1] += 1
    return total, values


def changing_sign(n):
    values = list(range(10))
    total = 0
    for i in range(n):
        total += values[i % 19 - 9]
    return total


def bool_index(n):
    values = [10, 20]
    pair = (1, 2)
    total = 0
    for i in range(n):
        total += values[i % 2 == 0] + pair[i > 100]
    return total


def huge_index(n, index):
    values = [1, 2, 3]
    total = 0
    for i in range(n):
        total += values[i % 3 if i < n - 3 else index]
    return total


def past_the_end(values):
    total = i = 0
    while True:
        total += values[i]
        i += 1


def past_the_start(values):
    total = i = 0
    while True:
        i -= 1
        total += values[i]


def caught_outside(values):
    total = i = 0
    try:
        while True:
            total += values[i]
            i += 1
    except IndexError as error:
        return total, i, str(error)


def caught_inside(n):
    values = [1, 2, 3]
    total = missed = 0
    for i in range(n):
        try:
            total += values[i % 5]
        except IndexError:
            missed += 1
    return total, missed


def store(n):
    values = [0] * 10
    for i in range(n):
        values[i % 10] = i
        values[i % 7] = i * 0.5
        values[9] = i > 5
    return values


def store_past_the_end(n):
    values = [0] * n
    for i in range(n + 1):
        values[i] = i
    return values


def store_floats(n):
    values = [0.0] * 8
    kept = None
    for i in range(n):
        values[i % 8] = i * 0.25
        if i == n // 2:
            kept = values[i % 8]
    return values, kept


def aliased_floats(n):
    values = [1.5] * 4
    other = [values[0], values[1]]
    for i in range(n):
        values[i % 4] = values[i % 4] + 1.0
    return values, other


def accumulate_in_list(n):
    values = [0, 0.0]
    for i in range(n):
        values[0] += i
        values[1] += i * 0.1
    return values


def store_others(n):
    values = [None] * 4
    for i in range(n):
        values[0] = "text"
        values[1] = None
        values[2] = (i, i)
        values[3] = values[0]
    return values


def list_in_itself(n):
    values = [1, 2]
    for i in range(n):
        values[i % 2] = values
    same = values[0] is values
    values[0] = values[1] = None
    return same, values


def stored_over(n):
    class Loud:
        def __init__(self, number):
            self.number = number

        def __del__(self):
            order.append(self.number)

    order = []
    values = [Loud(k) for k in range(20)]
    for i in range(n):
        values[i % 20] = i
        if len(order) < 20:
            order.append(-i)
    return order, values[:3]


def matrix(n):
    a = [[i * j % 7 for j in range(n)] for i in range(n)]
    b = [[float(i + j) for j in range(n)] for i in range(n)]
    c = [[0.0] * n for _ in range(n)]
    for i in range(n):
        for j in range(n):
            s = 0.0
            for k in range(n):
                s += a[i][k] * b[k][j]
            c[i][j] = s
    return c[0][0], c[n - 1][n // 2], c[-1][-1]


def bubble_sort(n):
    values = [(i * 7919) % n for i in range(n)]
    for i in range(n):
        for j in range(n - 1 - i):
            if values[j] > values[j + 1]:
                values[j], values[j + 1] = values[j + 1], values[j]
    return values[:5], values[-5:]


def reverse(n):
    values = list(range(n))
    i, j = 0, n - 1
    while i < j:
        values[i], values[j] = values[j], values[i]
        i += 1
        j -= 1
    return values[:3], values[-3:]


def sieve(n):
    prime = bytearray([1]) * (n + 1)
    prime[0] = prime[1] = 0
    for i in range(2, n + 1):
        if prime[i]:
            for j in range(i * i, n + 1, i):
                prime[j] = 0
    total = 0
    for i in range(n + 1):
        total += prime[i]
    return total


def bytearray_store(n, value):
    data = bytearray(16)
    for i in range(n):
        data[i % 16] = i % 256 if i < n - 3 else value
        data[-1] = i & 127
    return bytes(data)


def bytes_checksum(n):
    data = bytes(range(256))
    total = 0
    for i in range(n):
        total = (total * 31 + data[i % 256] + data[-1 - i % 256]) % 65521
    return total


def bytearray_resized(n):
    data = bytearray(b"abc")
    total = 0
    for i in range(n):
        total += data[i % len(data)]
        if i % 100 == 0:
            data.append(i % 256)
        if i % 150 == 0:
            del data[0]
    return total, len(data)


def bytearray_exported(n):
    data = bytearray(b"abc")
    view = memoryview(data)
    for i in range(n):
        data[i % 3] = i % 200
    result = bytes(view)
    view.release()
    return result


def bytes_past_the_end(data):
    total = i = 0
    while True:
        total += data[i]
        i += 1


def string_items(n):
    word = "häßlich"
    count = 0
    for i in range(n):
        if word[i % 7] == "ß":
            count += 1
    for letter in word * 200:
        if letter > "h":
            count += 1
    return count


def slices(n):
    values = list(range(10))
    total = 0
    for i in range(n):
        total += sum(values[i % 5 : 7]) + values[::-1][0] + len(values[:3])
        values[2:4] = [i, i]
    return total, values


def dicts(n):
    table = {}
    for i in range(n):
        table[i % 10] = table.get(i % 10, 0) + i
        if i in table:
            table["last"] = i
    return sorted(table.items(), key=str)


def sets(n):
    seen = set()
    for i in range(n):
        seen.add(i * i % 97)
    return sorted(seen)


def list_methods(n):
    values = []
    for i in range(n):
        values.append(i)
        if len(values) > 50:
            values.pop()
            values.pop(0)
        values.reverse()
    return values


def own_sequences(n):
    class Sequence(list):
        def __getitem__(self, index):
            return 100

    values = Sequence([1, 2, 3])
    total = 0
    for i in range(n):
        total += values[i % 3]
    for value in values:
        total += value
    return total


def enumerate_zip(n):
    values = list(range(n))
    total = 0
    for i, (a, b) in enumerate(zip(values, reversed(values))):
        total += i * a - b
    return total


def queens(n):
    count = 0
    columns = [0] * n
    row = 0
    columns[0] = -1
    while row >= 0:
        columns[row] += 1
        while columns[row] < n:
            ok = True
            for r in range(row):
                d = columns[r] - columns[row]
                if d == 0 or d == row - r or d == r - row:
                    ok = False
                    break
            if ok:
                break
            columns[row] += 1
        if columns[row] < n:
            if row == n - 1:
                count += 1
            else:
                row += 1
                columns[row] = -1
        else:
            row -= 1
    return count


for rounds in (1, 2001):
    show(swap, rounds)
    show(rotate, rounds)
    show(pack, rounds)
    show(unpack, rounds)
    show(tuple_items, rounds)
    show(store, rounds)
    show(store_floats, rounds)
    show(aliased_floats, rounds)
    show(accumulate_in_list, rounds)
    show(store_others, rounds)
    show(tuple_iteration, rounds)
show(chain, 2000)
for what in ((1, 2, 3), [1], "ab", 5, (1, "x")):
    show(unpack_wrong, 1500, what)
show(unpack_other, 1500)
show(list_sum, [1, 2, 3], 2000)
show(list_sum, [1.5, 2, True, 2**80], 2000)
show(list_sum, ["a", 1], 2)
show(list_sum, (1, 2.5), 2000)
show(list_sum, b"abc", 2000)
show(list_sum, {0: 1, 1: 5}, 2000)
show(list_iteration, [1, 2.5, 3], 800)
show(list_iteration, (1, 2.5, 3), 800)
show(list_iteration, range(5), 800)
show(list_iteration, {1: 2, 3: 4}, 800)
show(list_iteration, b"xyz", 800)
show(list_grows_while_iterated, 3000)
show(list_shrinks_while_iterated, 3000)
show(list_is_cleared, 3000)
show(negative_indexes, 2000)
show(changing_sign, 2000)
show(bool_index, 2000)
for index in (3, -4, 2**63, -(2**63), 2**70, 1.5, "x", None):
    show(huge_index, 1500, index)
show(past_the_end, list(range(1500)))
show(past_the_end, tuple(range(1500)))
show(past_the_start, list(range(1500)))
show(bytes_past_the_end, bytes(1500))
show(bytes_past_the_end, bytearray(1500))
show(caught_outside, list(range(1500)))
show(caught_outside, bytes(range(256)) * 6)
show(caught_inside, 2000)
show(store_past_the_end, 1500)
show(list_in_itself, 1500)
show(stored_over, 1500)
show(matrix, 22)
show(bubble_sort, 90)
show(reverse, 3001)
show(sieve, 5000)
for value in (0, 255, 256, -1, True, 2**70, 1.5, "x"):
    show(bytearray_store, 1500, value)
show(bytes_checksum, 3000)
show(bytearray_resized, 3000)
show(bytearray_exported, 2000)
show(string_items, 1500)
show(slices, 1500)
show(dicts, 1500)
show(sets, 1500)
show(list_methods, 1500)
show(own_sequences, 1500)
show(enumerate_zip, 1500)
show(queens, 6)
