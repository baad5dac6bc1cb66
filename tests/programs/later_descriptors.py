"""What a class has becomes a descriptor while its instances are in use."""


class Value:
    pass


class Holder:
    x = Value()
    y = Value()

    def __init__(self):
        self.x = 1


class Bare:
    __slots__ = ("__dict__",)
    x = Value()
    y = Value()


class Base:
    pass


class Late(Base):
    x = Value()
    y = Value()


def load(o):
    return o.x


def store(o):
    o.x = 5
    return o.x


def load_class(o):
    return type(o.y).__name__


def call(o):
    return o.x if not callable(o.x) else o.x()


def run(word, o):
    seen = []
    for function in (load, store, load_class, call):
        last = None
        for _ in range(40):
            try:
                last = function(o)
            except Exception as error:
                last = type(error).__name__
        seen.append(last)
    print(word, type(o).__name__, seen)


def objects():
    holder, bare, late = Holder(), Bare(), Late()
    bare.x = late.x = 1
    return holder, bare, late


def clear():
    for name in ("__get__", "__set__"):
        if hasattr(Value, name):
            delattr(Value, name)


def main():
    for _ in range(2):
        for names in (["__get__"], ["__set__"], ["__get__", "__set__"], ["__set__", "__get__"]):
            clear()
            all_of_them = objects()
            for o in all_of_them:
                run("before", o)
            for name in names:
                if name == "__get__":
                    Value.__get__ = lambda self, instance, owner: 2
                else:
                    Value.__set__ = lambda self, instance, value: None
                for o in all_of_them:
                    run(name, o)


main()
