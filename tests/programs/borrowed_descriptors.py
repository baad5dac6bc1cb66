"""Descriptors in classes that they were not made for."""


class Slotted:
    __slots__ = ("slot", "other")


class Sub(Slotted):
    pass


class Borrower:
    slot = Slotted.slot
    other = Slotted.other
    append = list.append
    lower = str.lower
    keys = dict.keys
    length = list.__len__
    number = int.__add__
    imag = int.imag
    function = len
    bound = [].append
    part = classmethod(len)


class Lender(Borrower, Slotted):
    __slots__ = ()


def load_slot(o):
    return o.slot


def store_slot(o):
    o.slot = 42


def load_append(o):
    return o.append


def call_append(o):
    return o.append(1)


def call_lower(o):
    return o.lower()


def call_keys(o):
    return o.keys()


def call_length(o):
    return o.length()


def call_number(o):
    return o.number(1)


def load_imag(o):
    return o.imag


def call_function(o):
    return o.function([1])


def call_bound(o):
    return o.bound(1)


def call_part(o):
    return o.part()


def many(work, o):
    seen = set()
    for _ in range(50):
        try:
            result = work(o)
        except Exception as error:
            result = type(error).__name__ + ": " + str(error)
        seen.add(repr(result).split(" at ")[0])
    return sorted(seen)


FUNCTIONS = [
    load_slot,
    store_slot,
    load_append,
    call_append,
    call_lower,
    call_keys,
    call_length,
    call_number,
    load_imag,
    call_function,
    call_bound,
    call_part,
]

for function in FUNCTIONS:
    for make in (Borrower, Sub, Lender):
        print(function.__name__, make.__name__, many(function, make()))


class One:
    __slots__ = ("slot",)


class Sneaky:
    borrowed = One.slot


def store_borrowed(o):
    o.borrowed = 42


def store_many(o):
    failed = 0
    for _ in range(1025):
        try:
            store_borrowed(o)
        except TypeError:
            failed += 1
    return failed


print(store_many(Sneaky()))
