"""``python -m decal``: runs programs exactly as ``python`` would, and says in one line what is wrong with its input."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest
from conftest import Outcome, python

LOOK = """
import sys
print(sys.argv, repr(sys.path[0]), __name__, sys.modules["__main__"].__dict__ is globals())
print({name: type(value).__name__ for name, value in globals().items() if name != "sys"})
print(globals().get("__file__"), __package__, __spec__ and __spec__.name, globals().get("__cached__"))
print(__annotations__, __builtins__.__name__, __doc__)
"""
HOT = "t = 0\ndef f(n):\n    t = 0\n    for i in range(n):\n        t += i\n    return t\nprint(f(5000))\n"
FAILING = "def f(x):\n    return 1 // x\n\ndef g(n):\n    for i in range(n, -1, -1):\n        f(i)\n\ng(3000)\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Programs of each kind."""
    files = {
        "look.py": LOOK,
        "hot.py": HOT,
        "failing.py": FAILING,
        "empty.py": "",
        "syntax.py": "x = 1\ny = = 2\n",
        "latin.py": "# -*- coding: latin-1 -*-\nprint('\u00e9')\n",
        "chained.py": "try:\n    1/0\nexcept ZeroDivisionError as e:\n    raise ValueError('second') from e\n",
        "hook.py": "import sys\nsys.excepthook = lambda k, e, t: print('hook', k.__name__, t.tb_lineno, "
        "t.tb_frame.f_code.co_name, e.__traceback__ is t, sys.last_traceback is t)\n1/0\n",
        "threads.py": "import threading, time\n"
        "threading.Thread(target=lambda: (time.sleep(0.1), print('thread'))).start()\nprint('main')\n",
        "exits.py": "import atexit, sys\natexit.register(print, 'atexit', flush=True)\nsys.exit(eval(sys.argv[1]))\n",
        "stdin.py": "import sys\nprint(sys.stdin.read())\n",
        "package/__init__.py": "",
        "package/__main__.py": LOOK,
        "package/inner.py": LOOK,
        "nomain/__init__.py": "",
        "broken/__init__.py": "raise RuntimeError('broken package')\n",
        "broken/inner.py": "",
        "program/__main__.py": "import helper\n" + LOOK,
        "program/helper.py": "print('helper', __name__)\n",
        "bare/data.txt": "",
        "pickled.py": "import pickle\nclass A: pass\nprint(type(pickle.loads(pickle.dumps(A()))).__module__)\n",
        "spawn.py": "import multiprocessing as m\ndef f(n):\n    return sum(i for i in range(n))\n"
        "if __name__ == '__main__':\n    with m.get_context('spawn').Pool(1) as p:\n"
        "        print(p.map(f, [10, 20]))\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="latin-1" if name == "latin.py" else "utf-8")
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        archive.writestr("__main__.py", LOOK)
    return tmp_path


def plain(text: str) -> str:
    """Without the frames of runpy, which ``python -m`` shows and decal does not, and without addresses."""
    text = re.sub(r'  File "<frozen runpy>".*\n', "", text)
    return re.sub(r"0x[0-9a-f]+", "0x", text)


def both(folder: Path, *words: str, switches: dict[str, str] | None = None) -> tuple[Outcome, Outcome]:
    """The same command line for python and for python -m decal."""
    ours = python("-m", "decal", *words, cwd=folder, switches=switches)
    return python(*words, cwd=folder), Outcome(plain(ours.stdout), plain(ours.stderr), ours.status)


@pytest.mark.parametrize(
    "words",
    [
        ["look.py"],
        ["look.py", "a", "-m", "--stats", "b c", ""],
        ["./look.py", "x"],
        ["package/inner.py"],
        ["package/../look.py"],
        ["program", "a"],
        ["archive.zip", "a"],
        ["-m", "look", "a", "--explain"],
        ["-mlook", "a"],
        ["-m", "package", "a"],
        ["-m", "package.inner"],
        ["-c", LOOK, "a", "-c"],
        ["-c" + LOOK, "a"],
        ["-c", "", "a"],
        ["hot.py"],
        ["empty.py"],
        ["latin.py"],
        ["failing.py"],
        ["-m", "failing"],
        ["-c", FAILING],
        ["syntax.py"],
        ["-m", "syntax"],
        ["-c", "1 +"],
        ["-c", "def f():\n  return 1/0\nf()"],
        ["chained.py"],
        ["hook.py"],
        ["threads.py"],
        ["pickled.py"],
        ["spawn.py"],
        ["-m", "broken.inner"],
        *[["exits.py", code] for code in ("0", "None", "3", "'text'", "True", "300", "-1", "(1, 2)")],
        ["-c", "raise SystemExit"],
        ["-c", "import os; os._exit(9)"],
        ["-c", "raise KeyboardInterrupt"],
        ["-c", "raise BaseException('x')"],
        ["-c", "import sys; del sys.excepthook; print(1)"],
        ["-c", "import sys; sys.stderr = None; 1/0"],
        ["-c", "class E(Exception):\n  def __str__(self): return 1/0\nraise E"],
    ],
    ids=lambda words: " ".join(words)[:40].replace("\n", ";"),
)
def test_as_python_would(folder: Path, words: list[str]) -> None:
    """Output, errors and exit status of both are the same."""
    expected, ours = both(folder, *words)
    assert ours.stdout == plain(expected.stdout)
    assert ours.stderr == plain(expected.stderr)
    assert ours.status == expected.status


def test_isolated_mode(folder: Path) -> None:
    """With -P the script's folder does not get into sys.path."""
    text = "import sys; print(sys.path)"
    (folder / "path.py").write_text(text)
    expected = python("-P", str(folder / "path.py"), cwd=folder)
    ours = python("-P", "-m", "decal", str(folder / "path.py"), cwd=folder)
    assert ours.stdout == expected.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "nothing to run"),
        (["--stats"], "nothing to run"),
        (["missing.py"], "missing.py"),
        (["bare"], "__main__"),
        (["-m", "missing_module"], "missing_module"),
        (["-m", "nomain"], "nomain"),
        (["-m", "package.missing"], "package.missing"),
        (["-m", ".x"], "elative"),
        (["-m"], "-m needs"),
        (["-c"], "-c needs"),
        (["--wrong", "look.py"], "--wrong"),
        (["-x", "look.py"], "-x"),
        (["--stats=1", "look.py"], "--stats=1"),
        (["--stats", "--explain", "missing.py"], "missing.py"),
    ],
)
def test_bad_input(folder: Path, words: list[str], said: str) -> None:
    """One line that says what is wrong, exit status 2."""
    outcome = python("-m", "decal", *words, cwd=folder)
    assert outcome.status == 2
    assert outcome.stdout == ""
    assert re.fullmatch(r"decal: .+\n", outcome.stderr), outcome.stderr
    assert said in outcome.stderr


def test_unreadable_script(folder: Path) -> None:
    """Another error than a missing file."""
    (folder / "loop.py").symlink_to("loop.py")
    outcome = python("-m", "decal", "loop.py", cwd=folder)
    assert outcome.status == 2
    assert re.fullmatch(r"decal: .*loop\.py.*\n", outcome.stderr), outcome.stderr


@pytest.mark.parametrize(
    "name", ["DECAL_JIT", "DECAL_OPTIMIZE", "DECAL_DEBUG", "DECAL_PERF", "DECAL_COUNT", "DECAL_STRESS"]
)
def test_bad_environment(folder: Path, name: str) -> None:
    """The line names the variable and lists the known values."""
    outcome = python("-m", "decal", "look.py", cwd=folder, switches={name: "nonsense"})
    assert outcome.status == 2
    assert outcome.stdout == ""
    assert re.fullmatch(rf"decal: {name}.*nonsense.*use one of: .+\n", outcome.stderr), outcome.stderr


@pytest.mark.parametrize("switches", [{"DECAL_JIT": "0"}, {"PYTHON_JIT": "0"}])
def test_runs_on_without(folder: Path, switches: dict[str, str]) -> None:
    """Where decal cannot be enabled, one line says so, and the program runs."""
    outcome = python("-m", "decal", "hot.py", cwd=folder, switches=switches)
    assert outcome.stdout == "12497500\n"
    assert outcome.status == 0
    assert re.fullmatch(r"decal: .+; running without it\n", outcome.stderr), outcome.stderr


def test_help() -> None:
    """The options are told."""
    outcome = python("-m", "decal", "--help")
    assert outcome.status == 0
    assert outcome.stderr == ""
    for word in ("--stats", "--explain", "-m", "-c", "DECAL_JIT"):
        assert word in outcome.stdout


def test_stats_and_explain(folder: Path) -> None:
    """Both come to stderr, after everything else."""
    outcome = python("-m", "decal", "--stats", "hot.py", cwd=folder)
    assert outcome.stdout == "12497500\n"
    assert outcome.stat("traces") == 1
    assert outcome.stat("iterations native") > 4000
    explained = python("-m", "decal", "--explain", "hot.py", cwd=folder)
    assert explained.stdout == "12497500\n"
    assert "hot.py" in explained.stderr
    assert "compiled" in explained.stderr
    assert "statistics" not in explained.stderr
    together = python("-m", "decal", "--explain", "--stats", "-m", "hot", cwd=folder)
    assert "compiled" in together.stderr
    assert together.stat("traces") == 1


@pytest.mark.parametrize("words", [["failing.py"], ["exits.py", "5"], ["exits.py", "'bye'"]])
def test_reports_after_a_bad_end(folder: Path, words: list[str]) -> None:
    """Exceptions and SystemExit do not lose the reports, nor do reports change the exit status."""
    expected = python(*words, cwd=folder)
    outcome = python("-m", "decal", "--stats", "--explain", *words, cwd=folder)
    assert outcome.status == expected.status
    assert outcome.stdout == expected.stdout
    assert outcome.stderr.startswith(expected.stderr)
    assert "decal's statistics:" in outcome.stderr


def test_no_report_from_forked_children(folder: Path) -> None:
    """A child that ends by itself does not repeat the report."""
    (folder / "forks.py").write_text("import os, sys\npid = os.fork()\nif pid: os.waitpid(pid, 0)\nsys.exit(0)\n")
    outcome = python("-m", "decal", "--stats", "forks.py", cwd=folder)
    assert outcome.stderr.count("decal's statistics:") == 1
