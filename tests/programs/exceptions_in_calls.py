"""Exceptions raised by what a trace calls: operators, iterators, hashes, finalizers; text, context, cause, notes."""

import contextlib
import sys
import traceback

from common import show

N = 900


class Texts:
    """Tracebacks as they are printed, each once, with how often it came."""

    def __init__(self):
        self.seen = {}

    def add(self, error):
        text = "".join(traceback.format_exception(error))
        self.seen[text] = self.seen.get(text, 0) + 1

    def result(self):
        # Line by line, so that a difference is seen.
        return [line for text, count in self.seen.items() for line in (*text.splitlines(), f"({count} times)")]


class Bad:
    """Raises in every operator, at some turns."""

    def __init__(self, every):
        self.every = every
        self.count = 0

    def fail(self, what):
        self.count += 1
        if self.count % self.every == 0:
            raise ValueError(what)

    def __add__(self, other):
        self.fail("add")
        return 1

    def __eq__(self, other):
        self.fail("eq")
        return True

    def __lt__(self, other):
        self.fail("lt")
        return True

    def __bool__(self):
        self.fail("bool")
        return True

    def __hash__(self):
        self.fail("hash")
        return 5

    def __iter__(self):
        self.fail("iter")
        return BadSteps(self)

    def __getitem__(self, index):
        self.fail("getitem")
        return 1

    def __setitem__(self, index, value):
        self.fail("setitem")

    def __contains__(self, item):
        self.fail("contains")
        return True

    def __call__(self, *args):
        self.fail("call")
        return 1

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        self.fail("getattr")
        return 1

    def __len__(self):
        self.fail("len")
        return 3

    def __index__(self):
        self.fail("index")
        return 1

    def __neg__(self):
        self.fail("neg")
        return 1

    def __enter__(self):
        self.fail("enter")
        return 1

    def __exit__(self, *args):
        self.fail("exit")
        return False


class BadSteps:
    def __init__(self, bad):
        self.bad = bad
        self.left = 3

    def __iter__(self):
        return self

    def __next__(self):
        self.bad.fail("next")
        self.left -= 1
        if self.left == 0:
            raise StopIteration
        return self.left


def operators_here(n):
    texts, bad = Texts(), Bad(17)
    done = 0
    xs = [1, 2, 3]
    for i in range(n):
        try:
            done += bad + i
            if bad == i:
                done += 1
            if bad < i:
                done += 1
            if bad:
                done += 1
            done += bad[i]
            bad[i] = done
            if i in bad:
                done += 1
            done += bad(i)
            done += bad.other
            done += xs[bad]
            done += -bad
            done += len(bad)
        except ValueError as error:
            texts.add(error)
    return done, texts.result()


def operate(bad, i):
    x = bad + i
    if bad == x:
        x += bad[x]
    return x + bad.other


def middle(bad, i):
    y = operate(bad, i)
    return y + (1 if bad else 0)


def operators_in_calls(n):
    texts, bad = Texts(), Bad(11)
    done = 0
    for i in range(n):
        try:
            done += middle(bad, i)
        except ValueError as error:
            texts.add(error)
    return done, texts.result()


def caught_within(bad, i):
    try:
        return operate(bad, i)
    except ValueError:
        return 7


def caught_in_call(n):
    bad = Bad(11)
    done = 0
    for i in range(n):
        done += caught_within(bad, i)
    return done, bad.count


def iterated(n):
    texts, bad = Texts(), Bad(13)
    done = 0
    for i in range(n):
        try:
            for x in bad:
                done += x
            a, b = bad
            done += a + b
        except ValueError as error:
            texts.add(error)
    return done, texts.result()


def hashed(n):
    texts, bad = Texts(), Bad(13)
    done = 0
    d, s = {}, set()
    for i in range(n):
        try:
            d[bad] = i
            done += d[bad]
            s.add(bad)
            done += bad in s
            done += bad in {1, 2}
        except ValueError as error:
            texts.add(error)
    return done, texts.result()


def key_errors(n):
    texts = Texts()
    d = {i: i for i in range(0, n, 3)}
    done = 0
    for i in range(n):
        try:
            done += d[i]
        except KeyError as error:
            if i < 20:
                texts.add(error)
            done += error.args[0]
    return done, texts.result()


def look_up(d, i):
    return d[i]


def lookup_in_call(n):
    texts = Texts()
    d = {i: i for i in range(0, n, 3)}
    done = 0
    for i in range(n):
        try:
            done += look_up(d, i)
        except LookupError as error:
            if i < 20:
                texts.add(error)
    return done, texts.result()


def attribute_errors(n):
    class Empty:
        pass

    texts = Texts()
    e = Empty()
    done = 0
    for i in range(n):
        if i % 4 == 0:
            e.x = i
        try:
            done += e.x
            del e.x
        except AttributeError as error:
            texts.add(error)
            done += error.name == "x" and error.obj is e
    return done, texts.result()


def type_errors(n):
    texts = Texts()
    values = [1, "a", None, (1,), 2.5, [1], {}, b"b"]
    done = 0
    for i in range(n):
        a, b = values[i % 8], values[i // 8 % 8]
        for way in (0, 1, 2):
            try:
                if way == 0:
                    done += len(repr(a + b))
                elif way == 1:
                    done += a < b
                else:
                    done += a in b
            except TypeError as error:
                texts.add(error)
    return done, texts.result()


def finallies(n):
    bad = Bad(7)
    log = {}

    def note(what):
        log[what] = log.get(what, 0) + 1

    def work(i):
        try:
            note("try")
            return bad + i
        finally:
            note("finally")
            if i % 50 == 3:
                return -1

    done = 0
    for i in range(n):
        try:
            try:
                done += bad + i
            except KeyError:
                note("never")
            else:
                note("else")
            finally:
                note("inner")
                done += work(i)
        except ValueError as error:
            note(str(error))
            done += error.__context__ is not None
        finally:
            note("outer")
    return done, sorted(log.items())


def finally_loops(n):
    bad = Bad(7)
    done = 0
    for i in range(n):
        try:
            if i % 3 == 0:
                continue
            done += bad + i
            if i % 100 == 99:
                break
        except ValueError:
            done += 100
        finally:
            done += 1
    return done, i


def with_blocks(n):
    texts, bad = Texts(), Bad(19)
    done = 0
    for i in range(n):
        try:
            with bad as x, contextlib.suppress(KeyError):
                done += x
                if i % 5 == 0:
                    raise KeyError(i)
                done += bad + i
        except ValueError as error:
            texts.add(error)
    return done, texts.result()


class Swallows:
    def __init__(self):
        self.seen = []

    def __enter__(self):
        return self

    def __exit__(self, kind, error, tb):
        if kind is not None:
            self.seen.append((kind.__name__, str(error), tb.tb_lineno - swallowed.__code__.co_firstlineno))
        return True


def swallowed(n):
    s = Swallows()
    bad = Bad(9)
    done = 0
    for i in range(n):
        with s:
            done += bad + i
            done += bad[i]
    return done, len(s.seen), sorted(set(s.seen))


@contextlib.contextmanager
def managed(log):
    log.append("in")
    try:
        yield 5
    except ValueError as error:
        log.append(str(error))
    finally:
        log.append("out")


def context_managers(n):
    bad = Bad(9)
    log = []
    done = 0
    for i in range(n):
        with managed(log) as x:
            done += x
            done += bad + i
    return done, len(log), sorted(set(log))


def causes(n):
    texts, bad = Texts(), Bad(9)

    def work(i):
        try:
            return bad + i
        except ValueError as error:
            if i % 2:
                raise RuntimeError("from") from error
            if i % 3:
                raise RuntimeError("none") from None
            raise RuntimeError("context")

    done = 0
    for i in range(n):
        try:
            done += work(i)
        except RuntimeError as error:
            error.add_note(f"note {i % 2}")
            texts.add(error)
    return done, texts.result()


def reraised(n):
    texts, bad = Texts(), Bad(9)

    def work(i):
        try:
            return bad + i
        except ValueError as error:
            if i % 2:
                raise
            raise error

    done = 0
    for i in range(n):
        try:
            done += work(i)
        except ValueError as error:
            texts.add(error)
    return done, texts.result()


def groups(n):
    texts, bad = Texts(), Bad(5)

    def work(i):
        errors = []
        for _ in range(3):
            try:
                bad + i
            except ValueError as error:
                errors.append(error)
        if errors:
            raise ExceptionGroup("several", [*errors, KeyError(i % 2)])
        return 1

    done = 0
    for i in range(n // 3):
        try:
            try:
                done += work(i)
            except* ValueError as group:
                done += len(group.exceptions)
                if i % 4 == 0:
                    raise
            except* KeyError as group:
                done += 10
        except ExceptionGroup as group:
            texts.add(group)
            done += 100
    return done, texts.result()


def stop_iterations(n):
    def numbers(k):
        for i in range(k):
            if i == 2:
                raise StopIteration(i)
            yield i

    texts = Texts()
    done = 0
    for i in range(n // 3):
        try:
            for x in numbers(4):
                done += x
        except RuntimeError as error:
            texts.add(error)
        try:
            done += next(iter(()))
        except StopIteration as error:
            done += error.value is None
    return done, texts.result()


def generator_results(n):
    bad = Bad(13)

    def inner(i):
        got = yield i
        return got

    def outer(i):
        x = yield from inner(i)
        try:
            yield x
        except KeyError as error:
            yield len(error.args)
        finally:
            bad + i

    texts = Texts()
    done = 0
    for i in range(n // 2):
        g = outer(i)
        try:
            done += next(g)
            done += g.send(5)
            if i % 3 == 0:
                done += g.throw(KeyError(1, 2))
            done += sum(g)
            g.close()
        except ValueError as error:
            texts.add(error)
    return done, texts.result()


def sys_exception(n):
    """What is being handled, as others see it."""
    bad = Bad(5)
    seen = {}

    def look(where):
        error = sys.exception()
        key = where, type(error).__name__, str(error)
        seen[key] = seen.get(key, 0) + 1

    class Looks:
        def __add__(self, other):
            look("add")
            return 0

    looks = Looks()

    def handler(i):
        try:
            bad + i
        except ValueError:
            looks + i
            try:
                raise KeyError(0)
            except KeyError:
                look("inner")
            look("after")
        look("behind")
        return looks + i

    done = 0
    for i in range(n):
        done += handler(i)
        looks + i
        try:
            bad + i
        except ValueError:
            done += looks + 1
            look("here")
    return done, sorted(seen.items())


def tracebacks_kept(n):
    """Frames of a traceback are those of the calls, with their locals."""
    bad = Bad(150)
    kept = []

    def work(i):
        local = i * 3
        return bad + local

    for i in range(n):
        try:
            work(i)
        except ValueError as error:
            kept.append(error)
    out = []
    for error in kept:
        tb = error.__traceback__
        while tb is not None:
            names = {k: v for k, v in tb.tb_frame.f_locals.items() if isinstance(v, int)}
            out.append(
                (tb.tb_frame.f_code.co_name, tb.tb_lineno - tb.tb_frame.f_code.co_firstlineno, tb.tb_lasti, names)
            )
            tb = tb.tb_next
    return len(kept), [str(item) for item in out]


def names_unbound(n):
    texts = Texts()
    done = 0
    for i in range(n):
        if i % 3 == 0:
            local = i
        try:
            done += local
            del local
        except UnboundLocalError as error:
            texts.add(error)
        try:
            done += undefined_name  # noqa: F821
        except NameError as error:
            texts.add(error)
    return done, texts.result()


def arguments_wrong(n):
    def two(a, b=1):
        return a + b

    texts = Texts()
    done = 0
    for i in range(n):
        try:
            if i % 4 == 0:
                done += two()
            elif i % 4 == 1:
                done += two(1, 2, 3)
            elif i % 4 == 2:
                done += two(1, c=2)
            else:
                done += two(i)
        except TypeError as error:
            texts.add(error)
    return done, texts.result()


def init_raises(n):
    class Item:
        def __init__(self, bad, i):
            self.x = bad + i
            self.y = bad[i]

    texts, bad = Texts(), Bad(9)
    done = 0
    for i in range(n):
        try:
            item = Item(bad, i)
            done += item.x + item.y
        except ValueError as error:
            texts.add(error)
    return done, texts.result()


def init_gives(n):
    class Item:
        def __init__(self, i):
            self.i = i
            if i % 100 == 7:
                return i

    texts = Texts()
    done = 0
    for i in range(n):
        try:
            done += Item(i).i
        except TypeError as error:
            texts.add(error)
    return done, texts.result()


def unwinding_drops(n):
    """What calls hold is dropped while the exception passes, in order."""
    log = []

    class Ends:
        def __init__(self, name):
            self.name = name

        def __del__(self):
            log.append((self.name, type(sys.exception()).__name__))

    def inner(i):
        a, b = Ends("a"), Ends("b")
        if i % 5 == 0:
            raise ValueError(i)
        return 1

    def outer(i):
        c = Ends("c")
        return inner(i) + [Ends("d"), inner(i)][1]

    done = 0
    for i in range(n):
        try:
            done += outer(i)
        except ValueError:
            log.append("handled")
    return done, len(log), hash(tuple(map(str, log))) % 1000003, log[:12]


def passes_out(n):
    """Out of the loop, and out of the function."""
    bad = Bad(n - 5)
    done = 0
    for i in range(n):
        done += operate(bad, i)
    return done


def system_exit(n):
    class Exits:
        def __add__(self, other):
            if other == 700:
                raise SystemExit(other)
            return other

    e = Exits()
    done = 0
    try:
        for i in range(n):
            done += e + i
    except SystemExit as error:
        return done, error.code


for function in (
    operators_here,
    operators_in_calls,
    caught_in_call,
    iterated,
    hashed,
    key_errors,
    lookup_in_call,
    attribute_errors,
    type_errors,
    finallies,
    finally_loops,
    with_blocks,
    swallowed,
    context_managers,
    causes,
    reraised,
    groups,
    stop_iterations,
    generator_results,
    sys_exception,
    tracebacks_kept,
    names_unbound,
    arguments_wrong,
    init_raises,
    init_gives,
    unwinding_drops,
    passes_out,
    system_exit,
):
    show(function, N)
