"""Builds the C runtime with the C compiler, and the compiler package with mypyc; pyproject.toml has the rest.

PYSTON_BUILD_KIND: `opt` is what users get. `unopt` is the quick build for work on Pyston: C with assertions
and no optimisation, the compiler left interpreted. `lint` only asks for the C compiler's warnings, as errors.
PYSTON_BUILD_DIR: the folder for everything made on the way.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import pickle
import re
import shutil
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from setuptools import Extension, setup
from setuptools.command.build import build
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py
from setuptools.errors import CompileError, LinkError

KIND = os.environ.get("PYSTON_BUILD_KIND", "opt")
BUILD_DIR = Path(os.environ.get("PYSTON_BUILD_DIR", "build/wheel"))
RUNTIME = Path("src/pyston/runtime")
COMPILER = Path("src/pyston/compiler")
# (But not what has no meaning where it is compiled.)
INTERPRETED = [COMPILER / "native.py"]
# What compiles beside it: it answers the compiler's questions, so it is as hot; and what calls it, for the interpreter
# would run the program's signal handlers in there.
COMPILED_TOO = [Path("src/pyston") / name for name in ("live_world.py", "live_imports.py", "engine.py")]

COMPILE_FLAGS = {
    "opt": ["-O2", "-g1", "-fno-semantic-interposition", "-fno-plt"],
    "unopt": ["-O0", "-g", "-UNDEBUG", "-U_FORTIFY_SOURCE", "-DPYSTON_DEBUG_CHECKS=1"],
    # No link-time optimisation: some warnings would come only then, and from the linker.
    "lint": ["-O2", "-Werror"],
}
LINK_FLAGS = {"opt": ["-O2"], "unopt": [], "lint": []}

# The runtime of the `opt` build is laid out by a profile of this program, which runs on the rest of what was built.
TRAINING = Path("tools/training.py")
TRAINING_SECONDS = "8"
# Counting goes to a file for each object. What did not run in the training is compiled as if there were no profile: it
# may be just what another program needs.
COUNTING_FLAGS = ["-fprofile-generate={counts}", "-fprofile-update=atomic"]
COUNTED_FLAGS = ["-fprofile-use={counts}", "-fprofile-partial-training"]


def version_macros(version: str) -> list[tuple[str, str | None]]:
    """The version as C macros, so that pyproject.toml is the one file that holds it."""
    match = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)(?:(a|b|rc)(\d+))?", version)
    assert match, f"version {version} is not of the form 1.2.3 or 1.2.3a4"
    level = {None: "final", "a": "alpha", "b": "beta", "rc": "candidate"}[match[4]]
    return [
        ("PYSTON_VERSION", f'"{version}"'),
        ("PYSTON_VERSION_MAJOR", match[1]),
        ("PYSTON_VERSION_MINOR", match[2]),
        ("PYSTON_VERSION_MICRO", match[3]),
        ("PYSTON_VERSION_RELEASELEVEL", f'"{level}"'),
        ("PYSTON_VERSION_SERIAL", match[5] or "0"),
    ]


def runtime_extension() -> Extension:
    return Extension(
        "pyston._runtime",
        sources=sorted(map(str, RUNTIME.rglob("*.c"))),
        depends=["setup.py", "pyproject.toml", *sorted(map(str, RUNTIME.rglob("*.h")))],
        include_dirs=[str(RUNTIME)],
        extra_compile_args=[
            "-fvisibility=hidden",
            *("-Wall", "-Wextra", "-Wno-unused-parameter"),
            "-Werror=implicit-function-declaration",  # it would build, and not load
            # As system headers, CPython's are spared our warnings.
            *("-isystem", sysconfig.get_path("include")),
            *COMPILE_FLAGS[KIND],
        ],
        extra_link_args=LINK_FLAGS[KIND],
    )


def compiler_extensions() -> list[Extension]:
    """The compiler package under mypyc; none where mypyc is missing: the compiler then runs interpreted."""
    sources = [path for path in [*sorted(COMPILER.rglob("*.py")), *COMPILED_TOO] if path not in INTERPRETED]
    if KIND != "opt" or not sources:
        return []
    try:
        import mypyc.build
    except ImportError:
        print("pyston: mypyc is missing, so the compiler will run interpreted, and slowly", file=sys.stderr)
        return []
    target = BUILD_DIR / "mypyc"
    target.mkdir(parents=True, exist_ok=True)
    # mypyc's front end takes long and keeps nothing between runs: its result is kept for the same sources.
    digest = hashlib.sha256(f"{importlib.metadata.version('mypy')} in {mypyc.build.__file__}".encode())
    for source in [Path("setup.py"), *sources]:
        digest.update(f"{source}\0".encode() + source.read_bytes())
    record = target / f"{digest.hexdigest()[:16]}.pickle"
    if record.exists():
        return list(pickle.loads(record.read_bytes()))
    # One shared library for all modules, pyston_compiler__mypyc.*.so. It must stand at the top of
    # site-packages, for mypyc counts the packages' folders from there.
    paths = [str(source) for source in sources]
    print(f"mypyc: {len(paths)} modules", flush=True)
    extensions = mypyc.build.mypycify(
        paths, opt_level="2", target_dir=str(target), group_name="pyston_compiler"
    )
    before = target / "before.h"
    before.write_text(REPAIRS + declarations_of_cold(target))
    narrow_numbers(target / HEADER)
    # It stands behind mypyc's library, and before all that uses it.
    with (target / INTERNAL_HEADER).open("a") as header:
        header.write(LISTS)
    for extension in extensions:
        # Hidden functions may be inlined; in a shared library others might be replaced from outside. Without tables
        # for unwinding gdb reads the debug information instead, which is not mapped. (A new list: mypyc shares one.)
        extension.extra_compile_args = [
            *extension.extra_compile_args,
            *("-fvisibility=hidden", "-fno-asynchronous-unwind-tables", "-fno-plt", "-fcf-protection=none"),
            # All of its text is in memory once something large has been compiled, in each process: a sixth less.
            *(f"-fno-align-{what}" for what in ("functions", "jumps", "loops", "labels")),
            *("-fno-inline-functions", "-fno-inline-small-functions"),
        ]
        extension.depends += ["setup.py"]  # for the flags
        if any("__native" in str(source) for source in extension.sources):
            extension.extra_compile_args += ["-include", str(before)]
    for old in target.glob("*.pickle"):
        old.unlink()
    record.write_bytes(pickle.dumps(extensions))
    return list(extensions)


HEADER = "__native_pyston_compiler.h"
INTERNAL_HEADER = "__native_internal_pyston_compiler.h"

# What mypyc does wrong where there is no memory. For the entry of a traceback: its CPy_AddTraceback makes the class of
# the exception the context of the MemoryError, and what walks contexts later reads a class as an exception; so the
# exception goes on without the entry. For a 64-bit number that becomes an object: nobody looks whether it did; so it
# comes from a reserve then.
REPAIRS = """
#include <Python.h>
#define _PyErr_ChainExceptions1(exc) PyErr_Restore(exc, val, tb)

#define RESERVE 64
static PyObject *reserve[RESERVE]; /* owned, for numbers of any size */
static int reserve_left;

static __attribute__((noinline, cold, unused)) PyObject *
int_with_reserve(PyObject *object, long long number)
{
    if (object != NULL) {
        PyObject *more = PyLong_FromLongLong(LLONG_MAX);
        if (more != NULL) {
            reserve[reserve_left++] = more;
        }
        else {
            PyErr_Clear();
        }
        return object;
    }
    if (reserve_left == 0) {
        Py_FatalError("pyston: no memory for numbers");
    }
    PyErr_Clear();
    PyLongObject *box = (PyLongObject *)reserve[--reserve_left];
    unsigned long long rest = number < 0 ? -(unsigned long long)number : (unsigned long long)number;
    uintptr_t digits = 0;
    for (; rest != 0; rest >>= PyLong_SHIFT) {
        box->long_value.ob_digit[digits++] = (digit)(rest & PyLong_MASK);
    }
    box->long_value.lv_tag = digits << 3 | (number < 0 ? 2 : number == 0);
    return (PyObject *)box;
}

static inline __attribute__((unused)) PyObject *
int_surely(long long number)
{
    PyObject *object = PyLong_FromLongLong(number);
    return __builtin_expect(object == NULL || reserve_left < RESERVE, 0) ? int_with_reserve(object, number) : object;
}
#define PyLong_FromLongLong(number) int_surely(number)
"""


# What mypyc's code calls only where something fails.
FAILURES = """
void CPyError_OutOfMemory(void);
void CPy_AddTraceback(const char *, const char *, int, PyObject *);
void CPy_TypeError(const char *, PyObject *);
void CPy_TypeErrorTraceback(const char *, const char *, int, PyObject *, const char *, PyObject *);
static void CPy_DecRef(PyObject *);
"""


# What mypyc's code does most with lists, in the place of the calls. The compiler's lists live for a moment only: they
# grow by doubling, and what becomes short keeps its memory.
LISTS = """
static __attribute__((noinline)) int grow_list(PyListObject *list) {
    Py_ssize_t room = list->allocated < 8 ? 8 : 2 * list->allocated;
    PyObject **items = PyMem_Realloc(list->ob_item, (size_t)room * sizeof(PyObject *));
    if (items == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    list->ob_item = items;
    list->allocated = room;
    return 0;
}

static inline int append_quickly(PyObject *object, PyObject *item) {
    PyListObject *list = (PyListObject *)object;
    Py_ssize_t size = Py_SIZE(list);
    if (size >= list->allocated && grow_list(list) < 0) {
        return -1;
    }
    list->ob_item[size] = Py_NewRef(item);
    Py_SET_SIZE(list, size + 1);
    return 0;
}

static inline PyObject *pop_quickly(PyObject *object) {
    PyListObject *list = (PyListObject *)object;
    Py_ssize_t last = Py_SIZE(list) - 1;
    if (last < 0) {
        return CPyList_PopLast(object);
    }
    Py_SET_SIZE(list, last);
    return list->ob_item[last];
}

static inline PyObject *borrow_quickly(PyObject *list, int64_t index) {
    int inside = (uint64_t)index < (uint64_t)PyList_GET_SIZE(list);
    return inside ? PyList_GET_ITEM(list, index) : CPyList_GetItemInt64Borrow(list, index);
}

static inline PyObject *item_quickly(PyObject *list, int64_t index) {
    return Py_XNewRef(borrow_quickly(list, index));
}

#define PyList_Append append_quickly
#define CPyList_PopLast pop_quickly
#define CPyList_GetItemInt64Borrow borrow_quickly
#define CPyList_GetItemInt64 item_quickly
"""


# The numbers in the compiler's small objects that need all 64 bits: sets, sums, and the program's own numbers.
WIDE = {"Value.type", "VirtualRegister.blocked", "VirtualRegister.weight", "VirtualRegister.needs"}
WIDE |= {"Clobber.mask", "Lir.saves", "ExitEntry.index"}


def narrow_numbers(path: Path) -> None:
    """Makes the others 32 bits wide, in mypyc's header: a quarter less memory, and 2 % less time. They are positions,
    and numbers of things in one function. (mypyc's own i32 wants a conversion wherever it meets an i64.)"""
    pipeline = (COMPILER / "pipeline.py").read_text()
    (classes,) = re.findall(r"^SMALL_OBJECTS.*? = \((.*?)^\)", pipeline, re.DOTALL | re.MULTILINE)
    header = path.read_text()
    for name in re.findall(r"\w+", classes):
        found = re.search(rf"typedef struct {{\n([^}}]*)}} \w+___{name}Object;", header)
        assert found, f"mypyc makes {name} in another way"
        head: list[str] = []
        fields: list[str] = []
        for line in found[1].splitlines():
            kind, _, field = line.strip(" ;").partition(" _")
            if kind == "int64_t" and f"{name}.{field}" not in WIDE:
                line = line.replace("int64_t", "int32_t")
            (fields if field else head).append(line)
        # The larger ones first, so that no room is left between them.
        fields.sort(key=lambda line: ("int32_t" in line) + 2 * ("char" in line))
        header = header[: found.start(1)] + "\n".join([*head, *fields, ""]) + header[found.end(1) :]
    path.write_text(header)


# Functions that run once in a process, if at all. The import calls CPyInit_ and CPyExec_. CPyPy_ are the entries for
# callers that are not compiled: the compiler calls itself by CPyDef_, but for what stands in its tables or is called
# from outside. The rest shows people what was made, or looks for mistakes in it.
SELDOM = re.compile(
    r"CPyDef_\w+_____top_level__|CPyInit_\w+|CPyExec_\w+"
    r"|CPyPy_(?!build_|lower_|intrinsics_|insert_reference_counts_|live_world_|live_imports_|engine_)\w+"
    r"|CPyDef_(hir___verifier|lir___verifier|hir___printer|lir___printer|listing)_\w+"
)


def declarations_of_cold(target: Path) -> str:
    """Lines of a header that tell the C compiler what seldom runs, the modules' own bodies before all, and what reports
    failures.

    It puts all of these, and the paths that lead to them, away from the rest: half of the text, which then neither lies
    in the instruction cache nor, for the most part, in memory.
    """
    header = (target / INTERNAL_HEADER).read_text()
    # (What has arguments or results of other types than Python.h's stays where it is.)
    found = re.findall(r"^extern ((?:PyObject \*|char |int )(\w+)\([\w *,]*\);)$", header, re.MULTILINE)
    seldom = [declaration for declaration, name in found if SELDOM.fullmatch(name)]
    assert any("_____top_level__" in declaration for declaration in seldom), "mypyc names them in another way"
    lines = [f"__attribute__((cold)) {declaration}" for declaration in FAILURES.strip().splitlines()]
    lines += [
        f'__attribute__((cold, section(".text.startup"))) {declaration.replace("CPyTagged", "size_t")}'
        for declaration in seldom
    ]
    return "\n".join(lines) + "\n"


def refuse_other_pythons() -> None:
    """Ends the build with one sentence where Pyston could not run.

    Not asked when pip only wants the metadata: it then refuses other versions itself, and says so better.
    """
    kind, flags = sys.implementation.name, getattr(sys, "abiflags", "")
    if kind != "cpython" or sys.version_info[:2] != (3, 14) or flags:
        found = f"{kind} {sys.version_info[0]}.{sys.version_info[1]}{flags}"
        raise SystemExit(f"Pyston needs the usual build of CPython 3.14, not {found}; nothing was installed.")
    if sysconfig.get_platform() != "linux-x86_64":
        raise SystemExit(f"Pyston needs linux-x86_64, not {sysconfig.get_platform()}; nothing was installed.")


class Build(build):
    def run(self) -> None:
        refuse_other_pythons()
        # Only now: pip also runs this file for the metadata alone, and mypyc takes its time.
        self.distribution.ext_modules = [*(self.distribution.ext_modules or []), *compiler_extensions()]
        super().run()
        # What an earlier build left of modules that are gone would be installed too.
        made = {Path(name) for part in ("build_py", "build_ext") for name in self.outputs_of(part)}
        for file in Path(self.build_lib).rglob("*.*"):
            if file not in made and file.is_file():
                file.unlink()

    def outputs_of(self, part: str) -> list[str]:
        command: Any = self.get_finalized_command(part)
        return list(command.get_outputs())


class BuildPy(build_py):
    """Adds the start hook."""

    def run(self) -> None:
        super().run()
        self.copy_file("src/pyston.pth", os.path.join(self.build_lib, "pyston.pth"))

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        return [*super().get_outputs(include_bytecode), os.path.join(self.build_lib, "pyston.pth")]


class BuildExt(build_ext):
    """Compiles in parallel, and only the files whose sources, headers or flags changed."""

    def build_extensions(self) -> None:
        self.compiler.compile = self.compile_changed
        for extension in self.extensions:
            if extension.name == "pyston._runtime":
                extension.define_macros += version_macros(self.distribution.get_version())
        super().build_extensions()
        if KIND == "opt":
            self.train_runtime()

    def train_runtime(self) -> None:
        """Puts a runtime that was compiled by a profile in the place of the plain one, where the means are there.

        The same sources and flags keep the result of last time.
        """
        (extension,) = (one for one in self.extensions if one.name == "pyston._runtime")
        target = Path(self.get_ext_fullpath(extension.name))
        flags = [*COUNTING_FLAGS, *COUNTED_FLAGS, TRAINING_SECONDS, *self.compiler.compiler_so]
        digest = hashlib.sha256("\n".join([*flags, *extension.extra_compile_args]).encode())
        for source in [TRAINING, *map(Path, [*extension.sources, *extension.depends])]:
            digest.update(source.read_bytes() if source.exists() else b"missing")
        folder = BUILD_DIR.absolute() / "training"
        trained = folder / f"{digest.hexdigest()[:16]}.so"
        if not trained.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            try:
                self.compile_trained(extension, folder).rename(trained)
            except (OSError, subprocess.SubprocessError, CompileError, LinkError) as problem:
                print(
                    f"pyston: no profile for the runtime, which will be a little slower: {problem}",
                    file=sys.stderr,
                )
                return
        shutil.copyfile(trained, target)

    def compile_trained(self, extension: Extension, folder: Path) -> Path:
        """Compiles it to count, runs the training, compiles it by the counts. Only GCC's flags are known here."""
        version = subprocess.run(
            [self.compiler.compiler_so[0], "--version"], check=True, capture_output=True, text=True
        )
        if "Free Software Foundation" not in version.stdout or not TRAINING.exists():
            raise OSError("it needs GCC, and the program to train with")
        print("training the runtime", flush=True)
        counts, packages = folder / "counts", folder / "packages"
        shutil.copytree(self.build_lib, packages)
        counting = packages / "pyston" / Path(self.get_ext_fullpath(extension.name)).name
        self.compile_with(extension, folder, COUNTING_FLAGS, counts, counting)
        # Without site, nothing else is there, and no other Pyston.
        start = f"import pyston_start, runpy; runpy.run_path({str(TRAINING)!r}, run_name='__main__')"
        variables = {
            name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYSTON"))
        }
        command = [sys.executable, "-S", "-c", start, TRAINING_SECONDS]
        subprocess.run(command, check=True, timeout=600, env=variables | {"PYTHONPATH": str(packages)})
        if not any(counts.rglob("*.gcda")):
            raise OSError("nothing was counted")
        trained = folder / "trained.so"
        self.compile_with(extension, folder, COUNTED_FLAGS, counts, trained)
        return trained

    def compile_with(
        self, extension: Extension, folder: Path, flags: list[str], counts: Path, target: Path
    ) -> None:
        """The extension with these flags more. GCC finds the counts by the objects' paths: they stay the same."""
        compiler: Any = self.compiler
        added = [flag.format(counts=counts) for flag in flags]
        objects = self.compile_changed(
            list(map(str, extension.sources)),
            output_dir=str(folder / "objects"),
            macros=extension.define_macros,
            include_dirs=extension.include_dirs,
            extra_postargs=[*extension.extra_compile_args, *added],
        )
        linking = [flag for flag in added if "generate" in flag]
        compiler.link_shared_object(
            objects, str(target), extra_postargs=[*extension.extra_link_args, *linking]
        )

    def compile_changed(
        self,
        sources: list[str],
        output_dir: str | None = None,
        macros: Any = None,
        include_dirs: Any = None,
        debug: bool = False,
        extra_preargs: Any = None,
        extra_postargs: Any = None,
        depends: Any = None,
    ) -> list[str]:
        compiler: Any = self.compiler
        _, objects, postargs, definitions, plan = compiler._setup_compile(
            output_dir, macros, include_dirs, sources, depends, extra_postargs
        )
        prefix = [*compiler.compiler_so, *definitions, *(extra_preargs or [])]

        stale = []
        for target, (source, _) in plan.items():
            command = [*prefix, "-c", source, "-o", target, "-MMD", *postargs]
            if not is_current(Path(target), command):
                stale.append((Path(target), source, command))

        def compile_one(item: tuple[Path, str, list[str]]) -> None:
            target, source, command = item
            if os.path.getsize(source) > 5000:  # not for the many small entry modules that mypyc makes
                print(f"compiling {source}", flush=True)
            if subprocess.run(command).returncode != 0:
                raise CompileError(f"{source} does not compile")
            target.with_suffix(".command").write_text("\n".join(command))

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(compile_one, stale))
        return list(objects)


def is_current(target: Path, command: list[str]) -> bool:
    """Whether the object file is newer than all it was made from, and was made by this very command."""
    record, dependencies = target.with_suffix(".command"), target.with_suffix(".d")
    if not (target.exists() and record.exists() and dependencies.exists()):
        return False
    if record.read_text() != "\n".join(command):
        return False
    made = target.stat().st_mtime
    names = dependencies.read_text().replace("\\\n", " ").split()[1:]
    return all(os.path.exists(name) and os.path.getmtime(name) <= made for name in names)


if __name__ == "__main__":
    BUILD_DIR.mkdir(parents=True, exist_ok=True)
    setup(
        ext_modules=[runtime_extension()],
        cmdclass={"build": Build, "build_py": BuildPy, "build_ext": BuildExt},
        options={
            "build": {"build_base": str(BUILD_DIR), "parallel": str(os.cpu_count())},
            "bdist_wheel": {"bdist_dir": str(BUILD_DIR / "tree")},
            "egg_info": {"egg_base": str(BUILD_DIR)},
        },
    )
