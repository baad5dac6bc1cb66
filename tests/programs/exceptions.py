"""Exceptions in loops: raised, caught, passing through, with finalizers and contexts."""

import sys
import traceback

from common import show


def divide(a, b):
    return a / b


def try_inside(n):
    total = caught = 0
    for i in range(n):
        try:
            total += 100 // (i % 10)
        except ZeroDivisionError:
            caught += 1
    return total, caught


def try_inside_else_finally(n):
    log = [0, 0, 0, 0]
    for i in range(n):
        try:
            log[0] += 100 // (i % 10)
        except ZeroDivisionError:
            log[1] += 1
        else:
            log[2] += 1
        finally:
            log[3] += 1
    return log


def try_outside(n):
    i = 0
    try:
        while True:
            i += 1
            100 // (n - i)  # noqa: B018
    except ZeroDivisionError as error:
        return i, str(error), error.__traceback__.tb_lineno


def try_around_inner_loop(n):
    caught = total = 0
    for i in range(n):
        try:
            for j in range(5, -2 if i % 3 == 0 else 0, -1):
                total += 60 // j
        except ZeroDivisionError:
            caught += 1
    return caught, total


def nested_tries(n):
    inner = outer = 0
    for i in range(n):
        try:
            try:
                if i % 3 == 0:
                    raise ValueError(i)
                if i % 3 == 1:
                    raise KeyError(i)
            except ValueError:
                inner += 1
        except KeyError:
            outer += 1
    return inner, outer


def break_in_finally(n):
    total = 0
    for i in range(n):
        try:
            total += 1
            if i == n - 5:
                break
        finally:
            total += 1000
    return total


def continue_in_try(n):
    total = 0
    for i in range(n):
        try:
            if i % 2:
                continue
            total += 1
        finally:
            total += 10
    return total


def return_in_try(n):
    for i in range(n):
        try:
            if i == n - 2:
                return "returned", i
        finally:
            last = i
    return "ended", last


def loop_in_handler(n):
    try:
        raise ValueError("first")
    except ValueError:
        total = 0
        for i in range(n):
            total += i
        return total, str(sys.exc_info()[1])


def error_in_handler_loop(n):
    try:
        raise ValueError("first")
    except ValueError:
        total = 0
        for i in range(n, -1, -1):
            total += 100 // i
        return total


def exc_info_in_loop(n):
    seen = set()
    for i in range(n):
        try:
            divide(1, i % 5)
        except ZeroDivisionError:
            seen.add(str(sys.exc_info()[1]))
        seen.add(str(sys.exc_info()[1]))
    return sorted(seen)


def reraise(n):
    count = 0
    for i in range(n):
        try:
            try:
                divide(1, i % 5)
            except ZeroDivisionError:
                raise
        except ArithmeticError as error:
            count += len(traceback.extract_tb(error.__traceback__))
    return count


def chained(n):
    contexts = causes = 0
    for i in range(n):
        try:
            try:
                divide(1, i % 4)
            except ZeroDivisionError as error:
                raise ValueError(i) from error
        except ValueError as error:
            contexts += error.__context__ is not None
            causes += error.__cause__ is not None
    return contexts, causes


def traceback_lines(n):
    values = list(range(10))
    lines = set()
    for i in range(n):
        try:
            (
                values[i % 12]
                + divide(
                    i,
                    i % 7,
                )
            )
        except (IndexError, ZeroDivisionError) as error:
            entry = error.__traceback__
            while entry is not None:
                lines.add((type(error).__name__, entry.tb_lineno, entry.tb_lasti, entry.tb_frame.f_code.co_name))
                entry = entry.tb_next
    return sorted(lines)


def frame_locals_of_traceback(n):
    total = 0
    i = 0
    try:
        for i in range(n, -1, -1):
            square = i * i
            total += square + divide(1, i)
    except ZeroDivisionError as error:
        here = error.__traceback__.tb_frame.f_locals
        there = error.__traceback__.tb_next.tb_frame.f_locals
        return here["i"], here["square"], here["total"], here["n"], there["a"], there["b"]


def custom_exception(n):
    class Stop(Exception):
        def __init__(self, value):
            super().__init__(value)
            self.value = value

    total = 0
    try:
        for i in range(n):
            total += i
            if total > 300_000:
                raise Stop(i)
    except Stop as stop:
        return stop.value, total


def exception_groups(n):
    caught = 0
    for i in range(n):
        try:
            if i % 2:
                raise ExceptionGroup("group", [ValueError(i), KeyError(i)])
        except* ValueError:
            caught += 1
        except* KeyError:
            caught += 10
    return caught


def assertion(n):
    total = 0
    for i in range(n):
        assert i < n - 1, f"assertion {i}"
        total += i
    return total


def with_blocks(n):
    class Context:
        entered = left = 0

        def __enter__(self):
            Context.entered += 1
            return self

        def __exit__(self, kind, error, trace):
            Context.left += 1 if kind is None else 1000
            return kind is ZeroDivisionError

    total = 0
    for i in range(n):
        with Context():
            total += 100 // (i % 10)
    return total, Context.entered, Context.left


def stop_iteration(n):
    iterator = iter(range(n))
    total = 0
    while True:
        try:
            total += next(iterator)
        except StopIteration:
            return total


def raise_class(n):
    count = 0
    for i in range(n):
        try:
            raise KeyError
        except LookupError:
            count += i
    return count


def unbound_after_handler(n):
    for i in range(n):
        try:
            divide(1, i % 2)
        except ZeroDivisionError as error:
            kept = error
    try:
        error  # noqa: B018, F821
    except UnboundLocalError as problem:
        return str(problem), str(kept)


def type_error(n):
    value = 0
    for i in range(n):
        if i == n - 1:
            value = "text"
        value = value + 1
    return value


def error_in_condition(n):
    i = 0
    while 100 // (n - i) >= 0:
        i += 1
    return i


def error_in_iterator(n):
    def numbers():
        yield from range(n)
        raise RuntimeError("iterator")

    total = 0
    for i in numbers():
        total += i
    return total


def error_in_store(n):
    values = [0] * 10
    for i in range(n):
        values[i % 10 if i < n - 1 else 99] = divide(i, 2)
    return values


for function in (try_inside, try_inside_else_finally, try_outside, try_around_inner_loop, nested_tries):
    show(function, 2000)
for function in (break_in_finally, continue_in_try, return_in_try, loop_in_handler, error_in_handler_loop):
    show(function, 2000)
for function in (exc_info_in_loop, reraise, chained, traceback_lines, frame_locals_of_traceback, custom_exception):
    show(function, 2000)
for function in (exception_groups, assertion, with_blocks, stop_iteration, raise_class, unbound_after_handler):
    show(function, 2000)
for function in (type_error, error_in_condition, error_in_iterator, error_in_store):
    show(function, 2000)
    show(function, 1200)
