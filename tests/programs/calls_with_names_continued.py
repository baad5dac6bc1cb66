"""Side traces that begin at a call with names of arguments: another function, class or method than the first time."""


class Caller:
    def __init__(self, function):
        self.function = function

    def once(self, value):
        function = self.function
        return function(value, flag=False)


def through(function, value):
    value = value + 1
    return function(value, flag=False)


def make(function):
    def call(value):
        value = value + 1
        return function(value, flag=False)

    return call


class Method:
    def generate(self, value, flag=True):
        yield value
        yield flag

    def plain(self, value, flag=True):
        return [value, flag, "method"]


def make_generator(value, extra=0):
    def generate(value, flag=True):
        yield value + extra
        yield flag

    return generate


def plain(value, flag=True):
    return [value, flag]


def other(value, *, flag=True):
    return [flag, value]


def rest(*values, **names):
    return [values, names]


def positional(value, /, flag=True):
    return [value, flag, "positional"]


class Made:
    def __init__(self, value, flag=True):
        self.both = value, flag

    def __iter__(self):
        return iter(self.both)


def wrong(value):
    return [value]


def with_cells(value, flag=True):
    def inner():
        return value, flag

    return inner()


def generate_with_cells(value, flag=True):
    def inner():
        return value, flag

    yield from inner()


def print_like(value, flag=True):
    return sorted([value, flag], key=int, reverse=flag)


async def asynchronous(value, flag=True):
    pass


def close(value, flag=True):
    asynchronous(value, flag=flag).close()
    return [flag]


def compiled(word):
    names = {}
    exec(f"def function(value, flag=True):\n    try:\n        yield {word}\n    finally:\n        flag = 1", names)
    return names["function"]


FUNCTIONS = [
    Method().generate,
    with_cells,
    generate_with_cells,
    print_like,
    close,
    compiled("value"),
    compiled("flag"),
    Method().generate,
    make_generator(1),
    make_generator(2, 10),
    plain,
    other,
    rest,
    positional,
    Method().plain,
    Made,
    dict,
    wrong,
    lambda value, flag: [flag, flag, value],
]


def all_of_them(first):
    functions = FUNCTIONS[first:] + FUNCTIONS[:first]
    results = []
    for _ in range(3):
        for function in functions:
            for work in (make(function), Caller(function).once):
                for value in range(4):
                    try:
                        result = list(work(value))
                    except TypeError as error:
                        result = str(error)
                    results.append(result)
    return results


for first in range(len(FUNCTIONS)):
    for result in all_of_them(first):
        print(result)


def apart(first):
    results = []
    for function in FUNCTIONS[first:] + FUNCTIONS:
        for value in range(4):
            try:
                result = through(function, value)
                result = list(result)
            except TypeError as error:
                result = str(error)
            results.append(result)
    return results


for _ in range(3):
    for first in range(len(FUNCTIONS)):
        for result in apart(first):
            print(result)
