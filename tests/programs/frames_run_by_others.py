"""Another tool runs frames in place of the interpreter (PEP 523): it sees each of them."""

try:
    from _testinternalcapi import set_eval_frame_default, set_eval_frame_record
except ImportError:
    set_eval_frame_default = set_eval_frame_record = None


class C:
    def __getitem__(self, other):
        return None

    @property
    def a(self):
        return 42

    def __add__(self, other):
        return other


def inner(x=42):
    return x


def subscript():
    C()[42]


def attribute():
    C().a


def call():
    inner()
    inner(42)
    inner(*[42])


def generate():
    for _ in gen():
        pass


def gen():
    yield 42


def add():
    return C() + 1


def loop():
    for _ in range(5):
        inner()


def switched(names):
    for index in range(12):
        if index == 6:
            set_eval_frame_record(names)
        if index == 10:
            set_eval_frame_default()
        inner()
        inner(C().a)


def main():
    for function in (subscript, attribute, call, generate, add, loop):
        names = []
        for index in range(60):
            if index == 30:
                set_eval_frame_record(names)
            function()
        set_eval_frame_default()
        print(function.__name__, len(names), sorted(set(names)))
    for _ in range(30):
        names = []
        switched(names)
        print(len(names), names)


if set_eval_frame_record is not None:
    main()
