"""Exceptions that are raised and handled in a loop, in all the ways that Python has."""

import gc
import sys
import traceback
import weakref

from common import show


class Odd(Exception):
    pass


class Quiet:
    """A context manager that keeps some exceptions to itself."""

    def __init__(self, *kinds):
        self.kinds, self.seen = kinds, []

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.seen.append((kind and kind.__name__, str(value), trace and trace.tb_lineno))
        return kind is not None and issubclass(kind, self.kinds)


class Noisy:
    """Says when it goes, and what is handled then."""

    def __init__(self, name, log):
        self.name, self.log = name, log

    def __del__(self):
        handled = sys.exception()
        self.log.append((self.name, type(handled).__name__, sys._getframe(1).f_lineno))


def lines(error):
    """The traceback's lines, relative to the function's first one."""
    found = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        found.append((code.co_name, trace.tb_lineno - code.co_firstlineno, trace.tb_lasti))
        trace = trace.tb_next
    return found


def missing_keys(n):
    known = {key: key for key in range(0, 100, 3)}
    hits = misses = 0
    for i in range(n):
        try:
            hits += known[i % 100]
        except KeyError:
            misses += 1
    return hits, misses


def missing_attributes(n):
    class Thing:
        pass

    things = [Thing(), Thing()]
    things[1].value = 3
    total = 0
    for i in range(n):
        try:
            total += things[i % 2].value
        except AttributeError as error:
            total += len(error.name)
    return total


def bad_numbers(n):
    good = 0
    texts = ["1", "x", "2", "3", ""]
    messages = set()
    for i in range(n):
        try:
            good += int(texts[i % 5])
        except ValueError as error:
            messages.add(str(error))
    return good, sorted(messages)


def several_kinds(n):
    counts = [0, 0, 0, 0]
    data = [1, 2]
    for i in range(n):
        try:
            if i % 4 == 0:
                data[i % 2 + 2]
            elif i % 4 == 1:
                {}[i]
            elif i % 4 == 2:
                raise Odd(i)
            else:
                None.nothing  # noqa: B018
        except (IndexError, KeyError) as error:
            counts[isinstance(error, KeyError)] += 1
        except Odd as error:
            counts[2] += error.args[0] % 3
        except Exception:
            counts[3] += 1
    return counts


def check(value):
    if value % 3 == 0:
        raise Odd(value)
    return value


def check_deep(value):
    return check(value) + 1


def raised_in_calls(n):
    total, last = 0, None
    for i in range(n):
        try:
            total += check_deep(i)
        except Odd as error:
            total -= 1
            last = lines(error)
    return total, last


def handled_in_calls(n):
    def safe(value):
        try:
            return check(value)
        except Odd as error:
            return -error.args[0]

    return sum(safe(i) for i in range(n)), sum([safe(i) for i in range(n)])


def handled_in_a_call(n):
    def safe(value):
        local = value
        try:
            return check_deep(value)
        except Odd:
            return local

    total = 0
    for i in range(n):
        total += safe(i)
    return total


def what_is_handled(n):
    seen = set()
    for i in range(n):
        try:
            seen.add((0, sys.exception()))
            check(i)
            seen.add((1, sys.exception()))
        except Odd:
            seen.add((2, type(sys.exception()).__name__, sys.exc_info()[0].__name__))
        seen.add((3, sys.exception()))
    return sorted(map(str, seen))


def contexts(n):
    last = None
    for i in range(n):
        try:
            try:
                check(i)
            except Odd:
                {}[i]
        except KeyError as error:
            last = error
    context = last.__context__
    return repr(last), repr(context), context.__context__, lines(last), lines(context)


def causes(n):
    shown = None
    for i in range(n):
        try:
            try:
                check(i)
            except Odd as error:
                raise ValueError(i) from error
        except ValueError as error:
            shown = "".join(traceback.format_exception(error))
            suppressed = error.__suppress_context__
    return shown, suppressed


def from_none(n):
    last = None
    for i in range(n):
        try:
            try:
                [][i]
            except IndexError:
                raise Odd from None
        except Odd as error:
            last = error
    return last.__cause__, repr(last.__context__), last.__suppress_context__, lines(last)


def raise_again(n):
    found = []
    for i in range(n):
        try:
            try:
                check(i)
            except Odd:
                if i % 2:
                    raise
        except Odd as error:
            found = [lines(error), error.args]
    return found


def raise_handled(n):
    found = None
    for i in range(n):
        try:
            try:
                check(i)
            except Odd as error:
                raise error
        except Odd as error:
            found = lines(error), error.__context__
    return found


def nothing_to_raise(n):
    found = None
    for _ in range(n):
        try:
            raise
        except RuntimeError as error:
            found = str(error), lines(error)
    return found


def wrong_things(n):
    messages = set()
    things = [1, None, dict, Odd("x"), Odd, int]
    for i in range(n):
        try:
            raise things[i % 6]
        except TypeError as error:
            messages.add(str(error))
        except Odd as error:
            messages.add(repr(error))
    return sorted(messages)


def wrong_handlers(n):
    messages = set()
    classes = [Odd, 3, (Odd, 4), (ValueError, Odd)]
    for i in range(n):
        try:
            try:
                raise Odd
            except classes[i % 4]:
                messages.add("caught")
        except TypeError as error:
            messages.add((str(error), repr(error.__context__)))
    return sorted(map(str, messages))


def finally_runs(n):
    log = [0, 0, 0]
    for i in range(n):
        try:
            try:
                check(i)
                log[0] += 1
            finally:
                log[1] += i
        except Odd:
            log[2] += 1
    return log


def return_in_finally(n):
    def swallow(value):
        try:
            check(value)
        finally:
            return -1  # noqa: B012

    total = 0
    for i in range(n):
        total += swallow(i)
    return total


def leave_finally(n):
    log = []
    for i in range(n):
        while True:
            try:
                check(i)
                log.append(i % 7)
            finally:
                if i % 2:
                    break  # noqa: B012
                else:
                    break  # noqa: B012
    for i in range(n):
        try:
            check(i)
        finally:
            continue  # noqa: B012
    return sum(log), len(log)


def leave_handlers(n):
    total = 0
    for i in range(n):
        for j in range(5):
            try:
                total += check(i + j)
            except Odd:
                if i % 2:
                    break
                continue
            total += 1
        else:
            total += 100
    return total


def else_and_finally(n):
    log = [0] * 4
    for i in range(n):
        try:
            check(i)
        except Odd:
            log[0] += 1
        else:
            log[1] += 1
            if i % 5 == 0:
                continue
        finally:
            log[2] += 1
        log[3] += 1
    return log


def deep_finally(n):
    log = []
    for i in range(n):
        try:
            try:
                try:
                    check(i)
                finally:
                    try:
                        {}[i]
                    except KeyError as error:
                        log.append(repr(error.__context__))
            finally:
                log.append(type(sys.exception()).__name__)
        except Odd as error:
            log.append((str(error), lines(error), repr(error.__context__)))
        log = log[-8:]
    return log


def managers(n):
    quiet = Quiet(Odd, KeyError)
    reached = 0
    for i in range(n):
        with quiet as it:
            if i % 5 == 0:
                it.missing  # noqa: B018
            check(i)
            reached += 1
    return reached


def managed(n):
    quiet = Quiet(Odd)
    reached = 0
    for i in range(n):
        with quiet:
            check(i)
            reached += 1
        quiet.seen = quiet.seen[-3:]
    return reached, quiet.seen


def two_managers(n):
    inner, outer = Quiet(KeyError), Quiet(Odd)
    reached = 0
    for i in range(n):
        with outer, inner:
            if i % 2:
                {}[i]
            check(i)
            reached += 1
        outer.seen, inner.seen = outer.seen[-2:], inner.seen[-2:]
    return reached, outer.seen, inner.seen


def stop_iteration(n):
    total, ended = 0, 0
    iterator = iter([1, 2, 3])
    for _ in range(n):
        try:
            total += next(iterator)
        except StopIteration:
            ended += 1
            iterator = iter([1, 2, 3])
    return total, ended


def generators_end(n):
    def count():
        yield 1
        yield 2
        return 7

    total = 0
    generator = count()
    for _ in range(n):
        try:
            total += next(generator)
        except StopIteration as stop:
            total += stop.value
            generator = count()
    return total


def in_generators(n):
    def numbers(texts):
        for text in texts:
            try:
                yield int(text)
            except ValueError:
                yield -1

    total = 0
    for number in numbers(["1", "x", "3", ""] * n):
        total += number
    return total


def in_generators_across_yields(n):
    def handled(texts):
        for text in texts:
            try:
                int(text)
            except ValueError:
                # While suspended here, what is handled is the generator's.
                yield type(sys.exception()).__name__
            else:
                yield sys.exception()

    seen = []
    for name in handled(["1", "x"] * n):
        try:
            check(3)
        except Odd:
            seen.append((name, type(sys.exception()).__name__))
        seen = seen[-3:]
        seen.append(sys.exception())
    return seen


def iterating_raises(n):
    class Ends:
        def __init__(self):
            self.left = 3

        def __iter__(self):
            return self

        def __next__(self):
            self.left -= 1
            if self.left == 0:
                raise Odd("enough")
            return self.left

    total = caught = 0
    for _ in range(n):
        try:
            for item in Ends():
                total += item
        except Odd:
            caught += 1
    return total, caught


def unpacking(n):
    pairs = [(1, 2), (1,), "ab", 5]
    good, messages = 0, set()
    for i in range(n):
        try:
            first, second = pairs[i % 4]
            good += 1
        except (TypeError, ValueError) as error:
            messages.add(str(error))
    return good, first, second, sorted(messages)


def star_calls(n):
    def needs(a, b):
        if a == 3:
            raise Odd(b)
        return a + b

    arguments = [(1, 2), (3, 4), (1,), (1, 2, 3)]
    good, messages = 0, set()
    for i in range(n):
        try:
            good += needs(*arguments[i % 4])
        except (TypeError, Odd) as error:
            messages.add(str(error))
    return good, sorted(messages)


def missing_names(n):
    caught = 0
    for i in range(n):
        try:
            if i % 3 == 0:
                not_there  # noqa: B018
            elif i % 3 == 1:
                del unbound
            unbound = 1
        except NameError as error:
            caught += len(str(error))
    return caught


def operators(n):
    caught = [0, 0, 0, 0]
    for i in range(n):
        try:
            if i % 4 == 0:
                i + "x"
            elif i % 4 == 1:
                -"x"
            elif i % 4 == 2:
                1 < "x"  # noqa: B015
            else:
                1 // (i % 1)
        except TypeError:
            caught[i % 4] += 1
        except ZeroDivisionError:
            caught[3] += 1
    return caught


def what_dies(n):
    log = []
    for i in range(n):
        try:
            (Noisy("first", log), Noisy("second", log), check(3 * i))
        except Odd:
            log.append("handled")
        log = log[-3:]
    return [entry if isinstance(entry, str) else entry[:2] for entry in log]


def what_dies_in_calls(n):
    log = []

    def inner(value):
        local = Noisy("local", log)  # noqa: F841
        return Noisy("operand", log), check(value)

    for i in range(n):
        try:
            inner(3 * i)
        except Odd as error:
            log.append(len(lines(error)))
        del log[:-4]
    return [entry[:2] if isinstance(entry, tuple) else entry for entry in log]


def frames_live_on(n):
    kept = []

    def inner(value):
        secret = [value, "local"]
        check(value)
        return secret

    for i in range(n):
        try:
            inner(i)
        except Odd as error:
            kept.append(error)
            del kept[:-3]
    frames = [error.__traceback__.tb_next.tb_frame for error in kept]
    return [frame.f_locals["secret"] for frame in frames], [
        frame.f_lineno - frame.f_code.co_firstlineno for frame in frames
    ]


def locals_change_through_frames(n):
    total = 0
    for i in range(n):
        added = 1
        try:
            check(i)
        except Odd as error:
            error.__traceback__.tb_frame.f_locals["added"] = 10
        total += added
    return total


def nothing_is_left(n):
    class Value:
        pass

    dead = []

    def hold(i):
        value = Value()
        dead.append(weakref.ref(value))
        check(i)

    for i in range(n):
        try:
            hold(i)
        except Odd:
            pass
        if dead[-1]() is not None:
            return "something lives"
        del dead[:-1]
    return "nothing"


def cycles(n):
    found = 0
    for i in range(n):
        try:
            check(3 * i)
        except Odd as error:
            kept = error  # noqa: F841
            found += 1
    return found, gc.isenabled()


def groups(n):
    counts = [0, 0]
    for i in range(n):
        try:
            raise ExceptionGroup("several", [Odd(i), KeyError(i)])
        except* Odd as group:
            counts[0] += len(group.exceptions)
        except* KeyError:
            counts[1] += 1
    return counts


def asserts(n):
    failed = 0
    for i in range(n):
        try:
            assert i % 3, "no"
        except AssertionError:
            failed += 1
    return failed


def not_handled_here(n):
    def outer(value):
        try:
            check(value)
        except KeyError:
            return 1
        return 2

    total = 0
    for i in range(n):
        try:
            total += outer(i)
        except Odd as error:
            total += len(lines(error))
    return total


def passes_through(n):
    for i in range(n):
        try:
            check(1)
            if i == n - 1:
                {}[i]
        except Odd:
            pass


def recursion(n):
    def down(depth):
        if depth == 0:
            raise Odd("bottom")
        try:
            down(depth - 1)
        except Odd:
            if depth % 3:
                raise
            return depth
        return -depth

    total = 0
    for i in range(n):
        total += down(3 + i % 7)
    return total


def calls_as_a_whole(n):
    """Calls that are seen inside, but left to the interpreter: an exception comes out of them."""

    def takes_names(value, *rest, late=4, **names):
        if late % 5 < 3 and value == "b":
            raise Odd(late, *names)
        return value

    def gather(value):
        return takes_names("b", late=value, more=1)

    seen, ended = "", 0
    for i in range(n):
        # On the stack are as many things when it raises as the handler has.
        with Quiet(Odd):
            for letter in "abc":
                seen = seen[-50:] + letter
                last = takes_names(letter, late=i, other=2)
        try:
            for number in [1, 2, i]:
                last += gather(number)
        except Odd as error:
            ended += 1000 + error.args[0]
    return seen, last, ended


def told(n):
    """A tool that wants to be told of exceptions."""
    seen = {}

    def note(name):
        def callback(code, offset, *rest):
            if code is check.__code__ or code is one_turn.__code__:
                key = name, code.co_name
                seen[key] = seen.get(key, 0) + 1

        return callback

    def one_turn(count):
        caught = 0
        for i in range(count):
            try:
                check(i)
            except Odd:
                caught += 1
        return caught

    one_turn(n)
    events = sys.monitoring.events
    names = ["RAISE", "EXCEPTION_HANDLED", "PY_UNWIND", "RERAISE"]
    sys.monitoring.use_tool_id(3, "told")
    for name in names:
        sys.monitoring.register_callback(3, getattr(events, name), note(name))
    sys.monitoring.set_events(3, events.RAISE | events.EXCEPTION_HANDLED | events.PY_UNWIND | events.RERAISE)
    try:
        one_turn(30)
    finally:
        sys.monitoring.set_events(3, 0)
        sys.monitoring.free_tool_id(3)
    one_turn(n)
    return sorted(seen.items())


N = 2000
show(missing_keys, N)
show(missing_attributes, N)
show(bad_numbers, N)
show(several_kinds, N)
show(raised_in_calls, N)
show(handled_in_calls, N)
show(handled_in_a_call, N)
show(what_is_handled, N)
show(contexts, N)
show(causes, N)
show(from_none, N)
show(raise_again, N)
show(raise_handled, N)
show(nothing_to_raise, N)
show(wrong_things, N)
show(wrong_handlers, N)
show(finally_runs, N)
show(return_in_finally, N)
show(leave_finally, N - 1)
show(leave_handlers, N)
show(else_and_finally, N)
show(deep_finally, N)
show(managers, N)
show(managed, N)
show(two_managers, N)
show(stop_iteration, N)
show(generators_end, N)
show(in_generators, N)
show(in_generators_across_yields, N)
show(iterating_raises, N)
show(unpacking, N)
show(star_calls, N)
show(missing_names, N)
show(operators, N)
show(what_dies, N)
show(what_dies_in_calls, N)
show(frames_live_on, N)
show(locals_change_through_frames, N)
show(nothing_is_left, N)
show(cycles, N)
show(groups, N)
show(asserts, N)
show(not_handled_here, N)
show(passes_through, N)
show(recursion, N)
show(calls_as_a_whole, N)
show(told, N)
