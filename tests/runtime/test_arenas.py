"""The interpreter's objects in huge pages: when they are, what the switch does, and that memory comes back."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ENABLED = Path("/sys/kernel/mm/transparent_hugepage/enabled")
pytestmark = pytest.mark.skipif(
    not ENABLED.exists() or "[never]" in ENABLED.read_text(), reason="the machine has no huge pages"
)

RESIDENT = """
import re
def resident(field):
    return sum(int(n) for n in re.findall(rf"^{field}: *([0-9]+) kB", open("/proc/self/smaps").read(), re.M)) >> 10

def work(seconds):
    import time
    end = time.process_time() + seconds
    while time.process_time() < end:
        sum(range(20_000))

def grow_up():
    work(1.6)  # in a young process everything stays as it is (youth.c)
"""


def run(program: str, **variables: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYSTON")}
    done = subprocess.run(
        [sys.executable, "-c", RESIDENT + program],
        env=environment | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    assert not done.stderr, done.stderr
    return done.stdout


GROW = """
import pyston
before = pyston.stats()["huge_page_bytes"]
grow_up()
many = [[] for _ in range(1_000_000)]
for _ in range(40):  # it takes longer where the machine has to find the pages first
    if resident("AnonHugePages") <= 30:
        work(0.5)
print(before, pyston.stats()["huge_page_bytes"] >> 20, resident("AnonHugePages"))
"""


def test_a_program_that_grows_gets_huge_pages() -> None:
    before, asked, got = map(int, run(GROW).split())
    assert before == 0
    assert asked > 30
    assert got > 30  # the kernel may be short of them


def test_a_young_program_gets_none() -> None:
    program = """
import pyston
many = [[] for _ in range(1_000_000)]
print(pyston.stats()["huge_page_bytes"], resident("AnonHugePages"))
"""
    assert run(program) == "0 0\n"


def test_nothing_is_resident_that_is_not_used() -> None:
    program = """
import gc
gc.disable()
grow_up()
many = [[] for _ in range(400_000)]
work(2)
sizes = []
for _ in range(16):
    work(0.15)
    many.append([[] for _ in range(4_000)])  # a quarter of a megabyte
    sizes.append(resident("Rss"))
print(max(b - a for a, b in zip(sizes, sizes[1:])))
"""
    assert int(run(program)) <= 1


def test_it_takes_a_small_part_of_the_time() -> None:
    program = """
import resource
grow_up()
many = [[] for _ in range(1_000_000)]
before = resource.getrusage(resource.RUSAGE_SELF).ru_stime
work(2)
print(int(1000 * (resource.getrusage(resource.RUSAGE_SELF).ru_stime - before)))
"""
    assert int(run(program)) < 300


def test_the_switch() -> None:
    before, asked, _ = map(int, run(GROW, PYSTON_HUGE_PAGES="0").split())
    assert (before, asked) == (0, 0)


def test_a_small_program_gets_none() -> None:
    assert (
        run(
            'import pyston, json, logging; print(pyston.stats()["huge_page_bytes"], resident("AnonHugePages"))'
        )
        == "0 0\n"
    )


def test_what_is_freed_goes_back_and_is_used_again() -> None:
    program = """
import gc
gc.disable()
grow_up()
def grow():
    return [[] for _ in range(1_000_000)]
many = grow()
full = resident("Rss")
many = None
small = resident("Rss")
sizes = []
for _ in range(5):
    many = grow()
    sizes.append(resident("Rss"))
    many = None
print(full - small, max(sizes) - full)
"""
    freed, more = map(int, run(program).split())
    assert freed > 40
    assert more < 20


def test_a_child_frees_what_its_parent_made() -> None:
    program = """
import os
grow_up()
many = [[] for _ in range(500_000)]
child = os.fork()
if child == 0:
    many = None
    other = [{} for _ in range(300_000)]
    os._exit(len(other) != 300_000)
_, status = os.waitpid(child, 0)
print(status, all(item == [] for item in many))
"""
    assert run(program) == "0 True\n"


def test_disabled_in_the_middle() -> None:
    program = """
import pyston
grow_up()
many = [[] for _ in range(500_000)]
pyston.disable()
many += [[] for _ in range(500_000)]
del many[::2]
pyston.enable()
many += [[] for _ in range(500_000)]
print(len(many))
many = None
"""
    assert run(program) == "1000000\n"


def test_threads_and_another_interpreter() -> None:
    program = """
grow_up()
import threading
from concurrent import interpreters
def work():
    return len([[] for _ in range(300_000)])
other = interpreters.create()
other.exec("kept = [[] for _ in range(300_000)]")
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
other.exec("kept = None")
other.close()
print(work())
"""
    assert run(program) == "300000\n"


def test_too_little_address_space() -> None:
    program = """
grow_up()
import resource
_, hard = resource.getrlimit(resource.RLIMIT_AS)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (60 << 20), hard))
kept = None
count = 0
try:
    while True:
        kept = [kept]  # 72 bytes with the collector's
        count += 1
except MemoryError:
    pass
print(count > 500_000)
while kept:
    kept = kept[0]
"""
    assert run(program) == "True\n"
