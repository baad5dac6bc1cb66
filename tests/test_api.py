"""The package: what each function gives, in a process of its own where the state matters."""

from __future__ import annotations

import inspect
import textwrap

import pytest
from conftest import Outcome, python

SUM = """
import decal

def total(n):
    s = 0
    for i in range(n):
        s += i * i
    return s
"""


def run(source: str, switches: dict[str, str] | None = None) -> Outcome:
    """Runs the text as a program."""
    outcome = python("-c", SUM + textwrap.dedent(source), switches=switches)
    assert outcome.status == 0, outcome.stderr
    return outcome


def test_importing_enables_nothing() -> None:
    outcome = run("print(decal.is_enabled(), decal.status())")
    assert outcome.stdout.startswith("False off")
    assert outcome.stdout.count("\n") == 1


def test_enable_and_disable() -> None:
    outcome = run("""
        print(decal.enable(), decal.is_enabled(), decal.status().startswith("on"))
        print(decal.enable(), decal.enable(), decal.is_enabled())
        print(total(5000))
        before = decal.stats()["traces"]
        decal.disable(); decal.disable()
        print(decal.is_enabled(), decal.status().startswith("off"), before)
        print(total(5000), decal.stats().get("traces", 0) <= before)
        print(decal.enable(), total(5000), total(6000))
    """)
    assert outcome.stdout.splitlines() == [
        "True True True",
        "True True True",
        "41654167500",
        "False True 1",
        "41654167500 True",
        "True 41654167500 71982001000",
    ]


def test_switching_while_a_loop_runs() -> None:
    outcome = run("""
        def switching(n):
            s = 0
            for i in range(n):
                s += i
                if i == n // 4:
                    decal.enable()
                elif i == n // 2:
                    decal.disable()
                elif i == 3 * n // 4:
                    decal.enable()
            return s
        def disable_in_callee(i):
            if i == 3000:
                decal.disable()
            return i
        def calling(n):
            s = 0
            for i in range(n):
                s += disable_in_callee(i)
            return s
        print(switching(8000), switching(8000))
        decal.enable()
        print(calling(6000), decal.is_enabled())
    """)
    assert outcome.stdout.splitlines() == ["31996000 31996000", "17997000 False"]


def test_enabling_many_times() -> None:
    outcome = run("""
        for k in range(50):
            decal.enable()
            assert total(2000) == 2664667000
            decal.disable()
            assert total(100) == 328350
        print("fine")
    """)
    assert outcome.stdout == "fine\n"


def test_tool_id_is_free_again() -> None:
    outcome = run("""
        import sys
        tool = sys.monitoring.OPTIMIZER_ID
        print(sys.monitoring.get_tool(tool))
        decal.enable()
        print(sys.monitoring.get_tool(tool) is not None)
        decal.disable()
        print(sys.monitoring.get_tool(tool))
        sys.monitoring.use_tool_id(tool, "another")
        print(decal.enable(), decal.status())
        print(total(3000))
        sys.monitoring.free_tool_id(tool)
        print(decal.enable())
    """)
    lines = outcome.stdout.splitlines()
    assert lines[:3] == ["None", "True", "None"]
    assert lines[3].startswith("False off: ")
    assert lines[4:] == ["8995500500", "True"]


def test_switched_off_by_the_environment() -> None:
    for switches in ({"DECAL_JIT": "0"}, {"PYTHON_JIT": "0"}):
        outcome = run(
            "print(decal.enable(), decal.is_enabled(), decal.status()); print(total(5000))", switches=switches
        )
        assert outcome.stdout.startswith("False False off: ")
        assert outcome.stdout.endswith("41654167500\n")


@pytest.mark.parametrize(
    ("name", "value", "known"),
    [
        ("DECAL_JIT", "yes", "interpreter"),
        ("DECAL_OPTIMIZE", "2", "0, 1"),
        ("DECAL_DEBUG", "6", "0, 1, 2, 3, 4, 5"),
        ("DECAL_PERF", "x", "map"),
        ("DECAL_COUNT", "2", "0, 1"),
        ("DECAL_STRESS", "guards:x", "hot"),
    ],
)
def test_unknown_environment_values(name: str, value: str, known: str) -> None:
    outcome = run(
        """
        try:
            decal.enable()
        except ValueError as error:
            print(error)
        print(decal.is_enabled(), total(10))
        """,
        {name: value},
    )
    message, state = outcome.stdout.splitlines()
    assert name in message
    assert value in message
    assert known in message
    assert state == "False 285"


def test_jit_keeps_the_function() -> None:
    outcome = run('''
        import functools, inspect

        def wrapper(function):
            @functools.wraps(function)
            def inner(*args):
                return function(*args)
            return inner

        def documented(a: int, b: float = 2.0, *, c: str = "x") -> int:
            """Doc."""
            return a

        @decal.jit
        @wrapper
        def wrapped(x):
            """Wrapped doc."""
            return x + 1

        print(decal.jit(documented) is documented, decal.jit()(documented) is documented)
        print(decal.jit(strict=False)(documented) is documented, decal.nojit(total) is total)
        print(documented.__name__, documented.__doc__, inspect.signature(documented))
        print(wrapped.__name__, wrapped.__doc__, wrapped.__wrapped__(1), wrapped(1), inspect.signature(wrapped))
        print(decal.is_enabled())
    ''')
    assert outcome.stdout.splitlines() == [
        "True True",
        "True True",
        "documented Doc. (a: int, b: float = 2.0, *, c: str = 'x') -> int",
        "wrapped Wrapped doc. 2 2 (x)",
        "True",
    ]


def test_jit_on_methods_and_closures() -> None:
    outcome = run("""
        class Thing:
            def __init__(self):
                self.value = 2

            @decal.jit
            def method(self, n):
                s = 0
                for i in range(n):
                    s += i * self.value
                return s

            @decal.jit
            @staticmethod
            def static(n):
                s = 0
                while n:
                    n -= 1
                    s += n
                return s

            @classmethod
            @decal.jit
            def cls(cls, n):
                s = 0
                for i in range(n):
                    s += 1
                return s

        def make(k):
            @decal.jit
            def inner(n):
                s = 0
                for i in range(n):
                    s += k
                return s
            return inner

        thing = Thing()
        print(thing.method(100), Thing.static(100), Thing.cls(100), make(3)(100), make(0.5)(100))
        print(decal.jit(thing.method) == thing.method)
        print(decal.stats()["traces"] > 0, "method" in decal.explain(thing.method))
    """)
    assert outcome.stdout.splitlines() == ["9900 4950 100 300 50.0", "True", "True True"]


def test_jit_compiles_at_the_first_call() -> None:
    outcome = run("""
        decal.jit(total)
        print(total(100), decal.stats()["traces"] > 0)
    """)
    assert outcome.stdout == "328350 True\n"


def test_strict_accepts_what_can_be_compiled() -> None:
    outcome = run("""
        strict = decal.jit(strict=True)(total)
        print(strict is total, total(5000), total(10), total(0))
    """)
    assert outcome.stdout == "True 41654167500 285 0\n"


def test_strict_raises_with_line_and_reason() -> None:
    outcome = run("""
        def bad(n):
            s = 0
            for i in range(n):
                s += i
                import math as t
            return s
        decal.jit(strict=True)(bad)
        first = bad.__code__.co_firstlineno
        try:
            print(bad(5000))
        except decal.CompileError as error:
            print(isinstance(error, RuntimeError), str(first + 4) in str(error), "IMPORT_NAME" in str(error))
            print("\\n" in str(error))
    """)
    assert outcome.stdout.splitlines() == ["True True True", "False"]


def test_strict_generator_raises_at_once() -> None:
    outcome = run("""
        def numbers():
            yield 1
        print(decal.jit(numbers) is numbers, list(numbers()))
        try:
            decal.jit(strict=True)(numbers)
        except decal.CompileError as error:
            line = str(numbers.__code__.co_firstlineno)
            print("numbers" in str(error), "generator" in str(error), line in str(error))
    """)
    assert outcome.stdout.splitlines() == ["True [1]", "True True True"]


def test_strict_is_harmless_when_off() -> None:
    outcome = run(
        """
        def numbers():
            yield 1
        decal.jit(strict=True)(numbers)
        print(list(numbers()), decal.jit(strict=True)(total)(10))
        """,
        {"DECAL_JIT": "0"},
    )
    assert outcome.stdout == "[1] 285\n"


def test_nojit() -> None:
    outcome = run("""
        decal.nojit(total)
        decal.enable()
        print(total(50_000), decal.stats()["traces"])
        def caller(n):
            s = 0
            for i in range(n):
                s += total(3)
            return s
        print(caller(3000))
        print("nojit" in decal.explain(total))
    """)
    assert outcome.stdout.splitlines() == ["41665416675000 0", "15000", "True"]


def test_wrong_arguments_are_type_errors() -> None:
    outcome = run("""
        for function in (decal.jit, decal.nojit, decal.explain, decal.traces, decal.disassemble):
            for wrong in (len, 5, "x", int):
                try:
                    function(wrong)
                except TypeError as error:
                    assert function.__name__ in str(error), error
                else:
                    print(function, wrong)
        print("checked")
    """)
    assert outcome.stdout == "checked\n"


def test_reports_about_a_compiled_loop() -> None:
    outcome = run("""
        decal.enable()
        total(5000)
        line = str(total.__code__.co_firstlineno + 2)
        explained = decal.explain(total)
        print("total" in explained, line in explained, "compiled" in explained)
        print("total" in decal.explain(), len(decal.explain()) >= len(explained))
        print("add_int" in decal.traces(total), len(decal.traces(total).splitlines()) > 5)
        code = decal.disassemble(total)
        print("add_int" in code, len(code.splitlines()) > 5)
        def never(): pass
        print(*[isinstance(f(never), str) for f in (decal.explain, decal.traces, decal.disassemble)])
    """)
    lines = ["True True True", "True True", "True True", "True True", "True True True"]
    assert outcome.stdout.splitlines() == lines


def test_reports_where_nothing_was_switched_on() -> None:
    outcome = run("""
        print(*[isinstance(f(total), str) for f in (decal.explain, decal.traces, decal.disassemble)])
        print(isinstance(decal.explain(), str), decal.stats().get("traces", 0))
    """)
    assert outcome.stdout.splitlines() == ["True True True", "True 0"]


def test_stats() -> None:
    outcome = run("""
        decal.enable()
        total(50_000)
        stats = decal.stats()
        print(all(type(key) is str and type(value) is int and value >= 0 for key, value in stats.items()))
        for name in ("traces", "root_traces", "entries", "iterations_native", "compile_ns", "code_bytes",
                     "metadata_bytes", "uops_compiled"):
            print(name, stats[name] > 0)
        print(stats["traces"] == stats["root_traces"] + stats["side_traces"])
        print(stats["iterations_native"] > 0.9 * 50_000, stats["iterations_cpython"] < 5000)
    """)
    assert "False" not in outcome.stdout, outcome.stdout


def test_instructions_in_traces_are_counted() -> None:
    """As many as CPython runs of the same calls, but for the few at which traces are left."""
    outcome = run(
        """
        import sys
        decal.enable()

        def loop(n):
            total = 0
            for i in range(n):
                if i % 3:
                    total += i * i
                else:
                    total -= 1
            return total

        class Point:
            def __init__(self, x):
                self.x = x
            def moved(self, by):
                return Point(self.x + by)

        def objects(n):
            p = Point(1000)
            for i in range(n):
                p = p.moved(i)
                p.x += 1
            return p.x

        def fib(n):
            return n if n < 2 else fib(n - 1) + fib(n - 2)

        def in_cpython(function, n):
            monitoring, counted = sys.monitoring, 0
            def instruction(code, offset):
                nonlocal counted
                counted += 1
            monitoring.use_tool_id(2, "test")
            monitoring.register_callback(2, monitoring.events.INSTRUCTION, instruction)
            monitoring.set_events(2, monitoring.events.INSTRUCTION)
            function(n)
            monitoring.set_events(2, 0)
            monitoring.free_tool_id(2)
            return counted

        for function, n in (loop, 3000), (objects, 2000), (fib, 17):
            for _ in range(30):
                function(n)
            before = decal.stats()["instructions_native"]
            function(n)
            native = decal.stats()["instructions_native"] - before
            print(function.__name__, 0.95 < native / in_cpython(function, n) <= 1)
        """,
        {"DECAL_COUNT": "1", "DECAL_STRESS": "hot"},
    )
    assert outcome.stdout.splitlines() == ["loop True", "objects True", "fib True"]


def test_abort_is_counted() -> None:
    outcome = run("""
        decal.enable()
        def bad(n):
            for i in range(n):
                import math as t
            return t
        bad(5000)
        print([key for key in decal.stats() if key.startswith("abort: ")])
    """)
    assert "IMPORT_NAME" in outcome.stdout


def test_package_lists_what_it_has() -> None:
    import decal

    for name in decal.__all__:
        assert inspect.getdoc(getattr(decal, name)), name


def test_without_the_extension() -> None:
    outcome = run("""
        import sys
        for name in [name for name in sys.modules if name.split(".")[0] == "decal"]:
            del sys.modules[name]
        sys.modules["decal._decal"] = None
        import decal
        print(decal.enable(), decal.is_enabled(), decal.status())
        decal.disable()
        print(decal.jit(total) is total, decal.jit(strict=True)(total) is total, decal.nojit(total) is total)
        print(decal.stats(), decal.explain() == decal.traces(total) == decal.disassemble(total) == decal.status())
        print(issubclass(decal.CompileError, RuntimeError))
    """)
    lines = outcome.stdout.splitlines()
    assert lines[0].startswith("False False off: ")
    assert lines[1:] == ["True True True", "{} True", "True"]


def test_child_processes() -> None:
    outcome = run("""
        import multiprocessing, subprocess, sys
        decal.enable()
        total(5000)
        context = multiprocessing.get_context("fork")
        with context.Pool(2) as pool:
            print(pool.map(total, [5000, 6000]))
        print(subprocess.run([sys.executable, "-c", "print(1)"], capture_output=True, text=True).stdout.strip())
    """)
    assert outcome.stdout.splitlines() == ["[41654167500, 71982001000]", "1"]


def test_a_panic_while_compiling_is_contained() -> None:
    """One trace less, and `explain` says so on one line."""
    text = """
        decal.enable()
        print(total(5000), total(5000))
        lines = [line for line in decal.explain(total).splitlines() if "internal:" in line]
        print(lines, decal.status().startswith("on: machine code"), "stopped" in decal.status())
        """
    outcome = run(text, {"DECAL_STRESS": "hot,panic:compile"})
    first, second = outcome.stdout.splitlines()
    assert first == "41654167500 41654167500"
    assert "loop: not compiled: internal: a panic (DECAL_STRESS=panic:compile)" in second
    assert second.endswith("True False")
    assert second.count("internal:") == 1


def test_a_panic_elsewhere_switches_decal_off() -> None:
    """The program goes on in CPython, and the reports name the reason."""
    text = """
        decal.enable()
        print(total(5000), total(5000), decal.stats()["traces"])
        print(decal.explain(total))
        print(decal.status())
        """
    outcome = run(text, {"DECAL_STRESS": "hot,panic:callback"})
    lines = outcome.stdout.splitlines()
    assert lines[0] == "41654167500 41654167500 0"
    assert "being observed" not in outcome.stdout
    assert lines[1] == "decal has stopped: internal: a panic (DECAL_STRESS=panic:callback)"
    assert any(line.endswith("loop: not compiled: internal: a panic (DECAL_STRESS=panic:callback)") for line in lines)
    assert lines[-1].endswith("; stopped: internal: a panic (DECAL_STRESS=panic:callback)")


def test_wishes_outlive_switching_off() -> None:
    """What decorators asked for counts whenever decal is on, whether it was on at the time or not."""
    outcome = run("""
        @decal.nojit
        def never(n):
            for i in range(n):
                pass
            return n
        decal.enable()
        decal.jit(total)
        decal.disable()
        decal.enable()
        print(never(5000), total(20))
        print("nojit" in decal.explain(never), "compiled to" in decal.explain(total))
    """)
    assert outcome.stdout.splitlines() == ["5000 2470", "True True"]


def test_debug_levels_add_up() -> None:
    """Each level prints one stage of compiling more."""
    marks = ["compiled loop", "before optimizing", "decal: trace 0\n", "with registers", "jump to label"]
    for level in range(6):
        outcome = run("decal.enable(); total(5000)", {"DECAL_DEBUG": str(level), "DECAL_STRESS": "hot"})
        assert [mark in outcome.stderr for mark in marks] == [index < level for index in range(5)], level


def test_listings_have_lines() -> None:
    """Every instruction belongs to a line of the source."""
    outcome = run("decal.jit(total); total(5000); print(decal.disassemble(total))")
    assert "(line " in outcome.stdout
    assert "(line 0)" not in outcome.stdout
