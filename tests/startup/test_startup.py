"""Starting Python with Pyston installed: on, off, and what each switch and variable does. docs/usage.md."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

SHOW = "import sys; print(hasattr(sys, 'pyston_version_info'))"
LOOP = """
import sys
def hot(x):
    return x + 1
for i in range(50):
    hot(i)
print(hasattr(sys, 'pyston_version_info'))
try:
    import pyston
    print(pyston.is_compiled(hot))
except ImportError:
    print("no pyston")
"""
HALF_IMPORTED = """
import sys
def hot(x):
    return x + 1
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("pyston.compiler."):
            for i in range(3000):
                hot(i)
sys.meta_path.insert(0, Finder())
import pyston, pyston.engine
print("engine", pyston.is_compiled(hot))
for i in range(3000):
    hot(i)
print(pyston.is_compiled(hot))
"""
START = Path(sys.modules["pyston_start"].__file__ or "") if "pyston_start" in sys.modules else None


def python(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYSTON")}
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, env={**environment, **variables}
    )


def shows(output: str, *arguments: str, **variables: str) -> None:
    done = python(*arguments, **variables)
    assert (done.returncode, done.stdout, done.stderr) == (0, output, "")


@pytest.mark.parametrize("threshold", ["1", "100"])
def test_functions_that_importing_the_compiler_makes_hot(threshold: str) -> None:
    shows("engine False\nTrue\n", "-c", HALF_IMPORTED, PYSTON_THRESHOLD=threshold)


def warns(line: str, output: str, *arguments: str, **variables: str) -> None:
    done = python(*arguments, **variables)
    assert (done.returncode, done.stdout, done.stderr) == (0, output, line + "\n")


def test_on_by_default():
    shows("True\n", "-c", SHOW)


@pytest.mark.parametrize("option", ["-I", "-E", "-B", "-u", "-O", "-OO", "-P", "-s", "-Xdev", "-Xutf8=0"])
def test_on_with_other_options(option):
    shows("True\n", option, "-c", SHOW)


def test_without_site():
    shows("False\n", "-S", "-c", SHOW)
    shows("False\n", "-I", "-S", "-c", SHOW)


def test_switched_off():
    shows("False\n", "-c", SHOW, PYSTON="0")
    shows("False\n", "-X", "pyston=0", "-c", SHOW)
    shows("True\n", "-c", SHOW, PYSTON="1")
    shows("True\n", "-c", SHOW, PYSTON="")
    shows("True\n", "-X", "pyston", "-c", SHOW)


def test_the_option_wins():
    shows("True\n", "-X", "pyston=1", "-c", SHOW, PYSTON="0")
    shows("False\n", "-X", "pyston=0", "-c", SHOW, PYSTON="1")


def test_variables_are_ignored_when_python_ignores_them():
    shows("True\n", "-E", "-c", SHOW, PYSTON="0")
    shows(
        "True\n",
        "-I",
        "-c",
        SHOW,
        PYSTON="0",
        PYSTON_THRESHOLD="nonsense",
        PYSTON_STATS="1",
        PYSTON_DEBUG="1",
    )
    shows("False\n", "-I", "-X", "pyston=0", "-c", SHOW)


def test_bad_values_are_one_warning():
    warns("pyston: PYSTON=yes is neither 0 nor 1, taken as 1", "True\n", "-c", SHOW, PYSTON="yes")
    warns(
        "pyston: -X pyston=maybe is neither 0 nor 1, taken as 1", "True\n", "-X", "pyston=maybe", "-c", SHOW
    )
    for value in ("0", "-1", "x", "1.5", "99999999999", "9" * 9999, "٣", "²"):
        line = f"pyston: PYSTON_THRESHOLD={value} is not a positive number, ignored"
        warns(line, "True\n", "-Xutf8", "-c", SHOW, PYSTON_THRESHOLD=value)
    done = python("-c", SHOW, PYSTON_STRESS="nonsense")
    assert done.stdout == "True\n"
    assert len(done.stderr.splitlines()) == 1 and "PYSTON_STRESS" in done.stderr
    done = python("-c", SHOW, PYSTON_STATS="/nowhere/at/all.json")
    assert (done.returncode, done.stdout) == (0, "True\n")
    assert len(done.stderr.splitlines()) == 1 and "statistics not written" in done.stderr


def test_threshold():
    shows("True\nTrue\n", "-c", LOOP, PYSTON_THRESHOLD="10")
    shows("True\nFalse\n", "-c", LOOP, PYSTON_THRESHOLD="1000")
    shows("False\nFalse\n", "-c", LOOP, PYSTON_THRESHOLD="10", PYSTON="0")


def test_statistics_at_exit(tmp_path):
    done = python("-c", LOOP, PYSTON_STATS="1", PYSTON_THRESHOLD="10")
    assert done.stdout == "True\nTrue\n"
    assert "compile time" in done.stderr and "hot" in done.stderr
    file = tmp_path / "statistics.json"
    shows("True\nTrue\n", "-c", LOOP, PYSTON_STATS=str(file), PYSTON_THRESHOLD="10")
    assert '"functions_compiled"' in file.read_text()


def test_debug_logs_what_is_compiled():
    done = python("-c", LOOP, PYSTON_DEBUG="1", PYSTON_THRESHOLD="10")
    assert done.stdout == "True\nTrue\n"
    assert "pyston: compiled hot (<string>:3)" in done.stderr


def test_the_version():
    code = "import sys; v = sys.pyston_version_info; print(v == tuple(v), v.major, len(v), 'pyston_version' in repr(v))"
    shows("True 0 5 True\n", "-c", code)


def test_the_version_is_there_only_while_on():
    code = """
import sys, pyston
print(hasattr(sys, 'pyston_version_info'))
pyston.disable(); pyston.disable()
print(hasattr(sys, 'pyston_version_info'))
pyston.enable(); pyston.enable()
print(hasattr(sys, 'pyston_version_info'))
"""
    shows("True\nFalse\nTrue\n", "-c", code)


def test_scripts_modules_and_stdin(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import sys; print(sys.argv[1:], __name__, hasattr(sys, 'pyston_version_info'))")
    shows("['a', '-b'] __main__ True\n", str(script), "a", "-b")
    done = subprocess.run([sys.executable, "-"], input=SHOW, capture_output=True, text=True)
    assert done.returncode == 0
    done = python("-m", "json", "--help")
    assert (done.returncode, done.stderr) == (0, "")


def test_start_brings_in_little():
    """The compiler, and what is dear in the standard library, must wait for the first hot function."""
    listing = "import sys; print(*sorted(sys.modules), sep='\\n')"
    with_it = set(python("-c", listing).stdout.split())
    without = set(python("-c", listing, PYSTON="0").stdout.split())
    # gc and atexit are built in: naming them loads nothing.
    assert with_it - without <= {"atexit", "gc", "pyston", "pyston._runtime"}


def copied_start(folder: Path, *, package: str | None) -> subprocess.CompletedProcess[str]:
    """Imports a copy of pyston_start.py where there is no other Pyston, or a broken one."""
    assert START is not None, "Pyston is not installed here"
    shutil.copy(START, folder / "pyston_start.py")
    if package is not None:
        (folder / "pyston").mkdir()
        (folder / "pyston" / "__init__.py").write_text(package)
    code = f"import sys; sys.path.insert(0, {str(folder)!r}); import pyston_start; print('alive')"
    return python("-S", "-c", code)


@pytest.mark.parametrize(
    "package", [None, "raise ImportError('of another CPython')", "1 / 0", "_runtime = None"]
)
def test_a_half_removed_pyston_harms_nothing(tmp_path, package):
    done = copied_start(tmp_path, package=package)
    assert (done.returncode, done.stdout, done.stderr) == (0, "alive\n", "")


def test_the_hook_alone_harms_nothing(tmp_path):
    """pyston.pth left behind, everything else gone."""
    assert START is not None
    hook = START.resolve().with_name("pyston.pth").read_text()
    (tmp_path / "pyston.pth").write_text(hook)
    code = f"import site; site.addsitedir({str(tmp_path)!r}); print('alive')"
    done = python("-S", "-c", code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "alive\n", "")


def test_start_up_time():
    """`-c pass` may cost at most 12 ms more than without; the quick build, on a busy machine, a little more."""
    figures: dict[str, list[float]] = {"0": [], "1": []}
    for _ in range(15):
        for value, times in figures.items():
            begin = time.perf_counter()
            python("-c", "pass", PYSTON=value)
            times.append(time.perf_counter() - begin)
    assert min(figures["1"]) - min(figures["0"]) < 0.012
    assert statistics.median(figures["1"]) - statistics.median(figures["0"]) < 0.024
