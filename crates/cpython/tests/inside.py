"""What only a running CPython can tell about the crate `decal-cpython`. Run by tests/live.rs."""

import dis
import faulthandler
import math
import re
import sys
import traceback
import types

import live

faulthandler.enable()

TESTS = []


def test(function):
    TESTS.append(function)
    return function


def codes_of(code):
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from codes_of(constant)


def offset_of(function, name, nth=0):
    """Offset in code units of the nth instruction of this name."""
    found = [i.offset // 2 for i in dis.get_instructions(function) if i.opname == name]
    return found[nth]


@test
def the_interpreter_is_supported():
    assert live.check() is None, live.check()
    assert live.check() is None
    assert "small_ints: 0," not in live.host_text()


@test
def code_is_decoded_as_dis_does():
    import argparse, ast, asyncio.base_events, collections, dataclasses, decimal, inspect, json.decoder, typing
    modules = [argparse, ast, asyncio.base_events, collections, dataclasses, inspect, json.decoder, typing, dis]
    count = 0
    for module in modules:
        source = open(module.__file__, encoding="utf-8").read()
        for code in codes_of(compile(source, module.__file__, "exec")):
            count += 1
            decoded = eval(live.decode_text(code))
            units = len(code.co_code) // 2
            lines = [0] * units
            for start, end, line in code.co_lines():
                lines[start // 2:end // 2] = [line or 0] * ((end - start) // 2)
            assert decoded["lines"] == lines, code
            handlers = [(-1, 0, 0)] * units
            for entry in dis._parse_exception_table(code):
                for unit in range(entry.start // 2, entry.end // 2):
                    handlers[unit] = (entry.target // 2, entry.depth, int(entry.lasti))
            assert decoded["handlers"] == handlers, code
            check_depths(code, decoded)
    assert count > 1000, count


def check_depths(code, decoded):
    depths = decoded["depths"]
    assert max(depths) <= code.co_stacksize, code
    starts = {start: (unit, following) for start, unit, following in decoded["units"]}
    argument = 0
    for instruction in dis.get_instructions(code):
        unit = instruction.offset // 2
        if instruction.opname == "EXTENDED_ARG" or depths[unit] < 0:
            continue
        effect = dis.stack_effect(instruction.opcode, instruction.arg, jump=False)
        following = unit + 1 + dis._inline_cache_entries.get(instruction.opname, 0)
        ends = ("RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS", "RERAISE")
        if instruction.opname not in ends and not instruction.opname.startswith(("JUMP_BACKWARD", "JUMP_FORWARD")):
            assert depths[following] == depths[unit] + effect, (code, instruction)
        if instruction.opname == "FOR_ITER":
            assert depths[instruction.argval // 2 + 2] == depths[unit] - 1, (code, instruction)
        elif instruction.opcode in dis.hasjump:
            effect = dis.stack_effect(instruction.opcode, instruction.arg, jump=True)
            assert depths[instruction.argval // 2] == depths[unit] + effect, (code, instruction)


@test
def extended_arguments_have_events_of_their_own():
    names = ", ".join(f"v{i}" for i in range(300))
    space = {}
    exec(f"def f():\n  {names.replace(', ', ' = ')} = 1\n  return v299", space)
    f = space["f"]
    live.log()
    live.local(f.__code__, 4)
    assert f() == 1
    live.local(f.__code__, 0)
    lines = live.log().splitlines()
    real = [i for i in dis.get_instructions(f) if i.opname not in ("RESUME", "EXTENDED_ARG")]
    extended = [i for i in dis.get_instructions(f) if i.opname == "EXTENDED_ARG"]
    assert extended
    assert len([line for line in lines if line.startswith("nothing at")]) == len(extended)
    assert len([line for line in lines if line.startswith("Event")]) == len(real)


class Point:
    def __init__(self, x, y):
        self.x = x
        self.y = y

    def norm(self):
        return self.x * self.x + self.y * self.y


class Slotted:
    __slots__ = ("a",)
    LIMIT = 3

    def __init__(self, a):
        self.a = a


def helper(a):
    return a + 1


def observed(point, slotted, items, numbers):
    total = 0
    for i in range(3):
        total += helper(i)
        point.x = point.norm()
        slotted.a = slotted.a + slotted.LIMIT
        items[i] = math.sqrt(4.0)
        numbers.append(len(items))
    big = 1 << 70
    if total > 2 and big is not None:
        total = -total
    first, second = (1, 2.5)
    return min(total, 3), items[1:2]


@test
def observing_sees_what_happens():
    live.log()
    live.local(observed.__code__, 4)
    point, slotted, items, numbers = Point(1, 2.0), Slotted(5), [None] * 3, []
    result = observed(point, slotted, items, numbers)
    live.local(observed.__code__, 0)
    assert result == (-6, [2.0]) and numbers == [3, 3, 3]
    text = live.log()
    lines = text.splitlines()

    def one(*words):
        found = [line for line in lines if all(word in line for word in words)]
        assert found, (words, text)
        return found[0]

    one("Enter(Callee", f"function: {id(helper)}", f"Function({id(helper)})")
    one("Inline {", "StoreAttr", f"Type({id(Point)})")
    one("Method { function: Operand { object: %d" % id(Point.norm), "shadow: Names", f"Type({id(Point)})")
    one("Slot {", "LoadAttr", f"Type({id(Slotted)})")
    one("Constant { value: Operand { object: %d" % id(Slotted.LIMIT))
    one("Known(MathSqrt)")
    one("Known(Len)")
    one("Known(List(Append))")
    one("Known(Min)")
    one("Next(true)")
    one("Next(false)")
    one("Taken(")
    one("kind: BigInt")
    one("op: Slice")
    one("LoadGlobal", f"object: {id(math)}", f"dict: {id(globals())}")
    one("StoreSubscript", f"object: {id(None)}")


@test
def reasons_are_given():
    class Odd:
        def __getattr__(self, name):
            return 1

        @property
        def p(self):
            return 2

    def keyword(*, a=1):
        return a

    def default(a=1):
        return a

    def program(odd, point):
        odd.q
        default()
        keyword()
        Point(1, 2)
        point.norm
        type(point).norm
        sorted([])

    live.log()
    live.local(program.__code__, 4)
    program(Odd(), Point(1, 2))
    live.local(program.__code__, 0)
    text = live.log()
    for words in ["detail: Special(", "Default(Operand", "New(Making", "Known(Leaf(LeafCall"]:
        assert words in text, (words, text)


@test
def shared_keys_have_a_version():
    class C:
        def __init__(self):
            self.x = 1

        def m(self):
            return self

    def program(c):
        c.m()
        c.y = 5

    def versions():
        live.log()
        live.local(program.__code__, 4)
        program(C())
        live.local(program.__code__, 0)
        text = live.log()
        return re.findall(r"address: (\d+), names: (\d+)", text)

    ((first, before),) = versions()
    ((second, after),) = versions()
    assert second == first and int(after) > int(before), (before, after)
    C().m = 1
    assert not versions(), "a name that an instance has used is no plain method"


@test
def free_variables_are_seen():
    def outer():
        value = 41

        def program():
            nonlocal value
            value = value + 1
            return value

        return program

    program = outer()
    cell = program.__closure__[0]
    live.local(program.__code__, 4)
    assert program() == 42
    live.local(program.__code__, 0)
    text = live.log()
    assert text.count(f"Cell(Operand {{ object: {id(cell)}") == 3, text
    decoded = eval(live.decode_text(outer.__code__))
    assert decoded["inlinable"] == "" and decoded["traceable"] == ""
    decoded = eval(live.decode_text(program.__code__))
    assert decoded["inlinable"] == ""


@test
def some_code_is_not_for_traces():
    def generator():
        yield 1

    async def coroutine():
        pass

    body = compile("x = 1", "body", "exec")
    for code in generator.__code__, coroutine.__code__:
        assert "generator or coroutine" in eval(live.decode_text(code))["traceable"]
    assert "not the body of a function" in eval(live.decode_text(body))["traceable"]


def new_loop():
    """A function with a loop and with code of its own: where events were switched off they stay off."""
    space = {}
    exec("def looping(n):\n i = 0\n while i < n:\n  i += 1\n return i", space)
    return space["looping"]


@test
def jumps_are_seen_and_can_be_switched_off():
    looping = new_loop()
    live.log()
    live.jumps(True)
    assert looping(3) == 3
    assert len(live.log().splitlines()) == 2, "a loop of three jumps back twice"
    live.action("disable")
    looping(5)
    looping(5)
    live.jumps(False)
    assert live.log() == ""


@test
def disabled_events_come_back():
    looping = new_loop()
    live.jumps(True)
    live.action("disable")
    looping(5)
    live.restart()
    looping(3)
    live.jumps(False)
    seen = live.log().splitlines()
    assert len(seen) == 2, seen


@test
def a_jump_can_go_anywhere():
    def f(n):
        i = 0
        while i < n:
            i += 1
        return ("end", i)

    live.jumps(True)
    live.action(f"goto {offset_of(f, 'LOAD_CONST', -1)}")
    result = f(1000)
    live.jumps(False)
    assert result == ("end", 1), result
    live.log()


@test
def null_from_a_jump_finds_no_handler():
    # A fact about CPython that frame.rs states, and the reason why it never returns null where
    # the code has handlers.
    def f(n):
        i = 0
        try:
            while i < n:
                i += 1  # here
        except ValueError:
            return "caught"

    live.jumps(True)
    live.action(f"null {offset_of(f, 'BINARY_OP')}")
    try:
        result = f(10)
    except ValueError as error:
        result = lines_of(error)
    live.jumps(False)
    assert result == [("f", "i += 1  # here")], result
    live.log()


def lines_of(error):
    return [(frame.name, frame.line) for frame in traceback.extract_tb(error.__traceback__)][1:]


@test
def unwinding_finds_the_handler():
    def f(n):
        i = 0
        for k in (1, 2, 3):
            try:
                while i < n:
                    i += 1
                i = str(i)  # here
            except ValueError as error:
                return "caught", error.__traceback__.tb_lineno - f.__code__.co_firstlineno, str(error)
        return "not caught"

    live.jumps(True)
    call = offset_of(f, "CALL")
    live.action(f"unwind {call} 1")
    first = f(10)
    live.action(f"unwind {offset_of(f, 'STORE_FAST', 3)} 1")
    second = f(10)
    live.jumps(False)
    live.log()
    assert first == ("caught", 6, "unwound"), first
    assert second[0] == "caught" and second[2] == "unwound", second


@test
def unwinding_pushes_the_offset_for_finally():
    log = []

    def f(n):
        i = 0
        try:
            while i < n:
                i += 1
            i = +i  # here
        finally:
            log.append("finally")
        return i

    live.jumps(True)
    live.action(f"unwind {offset_of(f, 'CALL_INTRINSIC_1')} 0")
    try:
        f(10)
    except ValueError as error:
        lines = lines_of(error)
    else:
        raise AssertionError("not raised")
    finally:
        live.jumps(False)
        live.log()
    assert log == ["finally"]
    assert lines == [("f", "i = +i  # here")], lines


@test
def unwinding_leaves_where_nobody_handles():
    def f(n):
        i = 0
        while i < n:
            i += 1
        i = +i  # here

    def g(n):
        try:
            i = 0
            while i < n:
                i += 1
        except ValueError:
            return "wrong handler"
        i = +i  # here
        return i

    live.jumps(True)
    found = []
    for function in f, g:
        live.action(f"unwind {offset_of(function, 'CALL_INTRINSIC_1')} 0")
        try:
            found.append(function(10))
        except ValueError as error:
            found.append(lines_of(error))
    live.jumps(False)
    live.log()
    assert found == [[("f", "i = +i  # here")], [("g", "i = +i  # here")]], found


def inner(a):
    if a < 1:
        return "bottom"
    return [inner(a - 1)]  # here


@test
def inner_frames_are_made_and_run():
    def f(n):
        i = 0
        while type(n) is int and i < n:
            i += 1
        return i if type(n) is int else n

    call = offset_of(inner, "CALL")
    after = call + 4
    live.jumps(True)
    live.action(f"inner {call} {after} 0", inner)
    before = sys.getrefcount(inner), sys.getrefcount(inner.__code__)
    result = f(10)
    assert result == ["bottom"], result
    live.action(f"inner {call} {after} 1", inner)
    try:
        f(10)
    except ValueError as error:
        lines = lines_of(error)
    else:
        raise AssertionError("not raised")
    live.action("drop", inner)
    assert f(3) == 3
    live.jumps(False)
    live.log()
    assert before == (sys.getrefcount(inner), sys.getrefcount(inner.__code__))
    assert [name for name, _ in lines] == ["f", "inner", "inner"], lines
    assert {line for _, line in lines[1:]} == {"return [inner(a - 1)]  # here"}, lines


@test
def tools_see_code_that_exits_run():
    def f(n):
        i = 0
        while type(n) is int and i < n:
            i += 1
        return i if type(n) is int else n

    seen = []
    monitoring = sys.monitoring
    monitoring.use_tool_id(2, "other")
    monitoring.register_callback(2, monitoring.events.PY_RETURN, lambda code, at, value: seen.append(value))
    monitoring.set_local_events(2, inner.__code__, monitoring.events.PY_RETURN)
    live.jumps(True)
    call = offset_of(inner, "CALL")
    live.action(f"inner {call} {call + 4} 0", inner)
    f(10)
    live.jumps(False)
    live.log()
    monitoring.set_local_events(2, inner.__code__, 0)
    monitoring.free_tool_id(2)
    assert seen == ["bottom", ["bottom"]], seen


@test
def a_function_can_return_at_its_start():
    def f(a):
        return a + 1

    def constant():
        pass

    live.local(f.__code__, 1)
    live.local(constant.__code__, 1)
    assert f(1) == 77
    assert constant() is None
    live.local(f.__code__, 0)
    live.local(constant.__code__, 0)
    assert f(1) == 2
    assert live.log() == "no RETURN_VALUE"


@test
def other_tools_are_noticed():
    looping = new_loop()
    live.jumps(True)
    looping(2)
    seen = live.log()
    assert seen.endswith("true"), seen
    sys.monitoring.use_tool_id(2, "other")
    sys.monitoring.set_local_events(2, looping.__code__, sys.monitoring.events.LINE)
    looping(2)
    assert live.log().endswith("false")
    sys.monitoring.set_local_events(2, looping.__code__, 0)
    looping(2)
    assert live.log().endswith("true")
    sys.monitoring.set_events(2, sys.monitoring.events.PY_RETURN)
    looping(2)
    assert live.log().endswith("false")
    sys.monitoring.set_events(2, 0)
    sys.monitoring.free_tool_id(2)
    live.jumps(False)


@test
def a_taken_place_is_respected():
    looping = new_loop()
    live.release()
    sys.monitoring.use_tool_id(5, "somebody")
    try:
        live.claim()
    except RuntimeError as error:
        assert str(error) == "taken by somebody", error
    else:
        raise AssertionError("not refused")
    sys.monitoring.free_tool_id(5)
    live.claim()
    live.local(looping.__code__, 4)
    live.release()
    assert sys.monitoring.get_tool(5) is None
    looping(3)
    assert live.log() == ""
    live.claim()


@test
def watchers_tell_what_changes():
    space = {"a": 1}
    class A: pass
    class B(A): pass
    def f(): pass
    live.watch("dict", space)
    live.watch("dict", space)
    live.watch("type", B)
    live.watch("function", f)
    live.log()
    space["a"] = 2
    space["b"] = 3
    del space["b"]
    assert len(live.log().splitlines()) == 3
    A.x = 1
    assert live.log() == f"Type({id(B)})"
    A.x = 2
    assert live.log() == "", "a type's watch is used up"
    live.watch("type", B)
    A.x = 3
    assert live.log() == f"Type({id(B)})"
    code = f.__code__
    f.__code__ = (lambda: 1).__code__
    assert live.log() == f"Functions({id(code)})\nFunction({id(f)})"
    (lambda x=1: x).__defaults__ = (2,)
    assert live.log().startswith("Functions("), "all functions of a code"
    address = id(f)
    del f
    assert live.log() == f"Function({address})"
    space.clear()
    assert live.log() == f"Dict {{ dict: {id(space)}, key: 0 }}"
    live.unwatch()
    space["c"] = 1
    A.x = 4
    assert live.log() == ""


@test
def helpers_agree_with_python():
    floats = [0.0, -0.0, 1.0, -1.0, 2.5, -2.5, 7.0, -7.0, 0.1, -0.3, 1e300, -1e300, 1e-320, math.inf, -math.inf, math.nan,
              3.0, 1e16, 9007199254740993.0, 0.5, -0.5, 2.0, -3.0]
    operators = {"%": lambda a, b: a % b, "//": lambda a, b: a // b, "**": lambda a, b: a ** b}
    for name, function in operators.items():
        for a in floats:
            for b in floats:
                try:
                    expected = function(a, b)
                except (ZeroDivisionError, OverflowError):
                    expected = math.nan
                if isinstance(expected, complex):
                    expected = math.nan
                got = live.binary_float(name, a, b)
                assert repr(got) == repr(expected), (name, a, b, got, expected)
    ints = [0, 1, -1, 5, -5, 1 << 30, -(1 << 30), (1 << 30) + 1, 1 << 60, -(1 << 60), (1 << 60) + 1, 1 << 90, -(1 << 90)]
    for a in ints:
        for b in ints:
            for index, expected in enumerate([a < b, a <= b, a == b, a != b, a > b, a >= b]):
                assert live.compare_int(index, a, b) is expected, (a, b, index)
    top = (1 << 63) - 1
    for arguments in [(0, 5, 1), (5, 0, 1), (5, 0, -2), (0, 10, 3), (-7, 8, 5), (0, 0, 1), (3, 4, 100), (-top, -top + 3, 1)]:
        assert list(live.range_iter(*arguments)) == list(range(*arguments)), arguments
    for arguments in [(0, 1, 0), (0, top, 2), (-top, top, 1), (0, -top - 1, -2)]:
        got = live.range_iter(*arguments)
        assert got is None or type(got) is type(iter(range(1))), arguments
        if arguments[2] and got is not None:
            assert type(iter(range(*arguments))) is type(got), arguments


def main():
    live.check()
    live.claim()
    failed = 0
    for function in TESTS:
        try:
            function()
        except BaseException:
            failed += 1
            print(f"--- {function.__name__}", file=sys.stderr)
            traceback.print_exc()
            live.jumps(False)
            live.log()
        else:
            print(f"ok {function.__name__}")
    live.release()
    sys.exit(failed != 0)


main()
