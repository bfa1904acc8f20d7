# ways: first warm exits evict
"""Signals, KeyboardInterrupt and asynchronous exceptions reach compiled loops."""
import ctypes
import os
import signal
import sys
import threading
import time

hits = 0
def on_alarm(signum, frame):
    global hits
    hits += 1
    seen.add(frame.f_code.co_name)

seen = set()
def spin():
    x = 0
    while hits < 5:
        x += 1
        if x == 1 << 50: break
    return x > 0

def spin_floats():
    x = 0.5
    while hits < 10:
        x = x * 0.9 + 1.0
    return x > 0

class P:
    n = 0
    def up(self):
        self.n += 1
        return self.n

def spin_calls():
    p = P()
    while hits < 15:
        p.up()
    return p.n > 0

for _ in range(8):
    hits = 100
    spin(), spin_floats(), spin_calls()
hits = 0
signal.signal(signal.SIGALRM, on_alarm)
signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
print(spin(), spin_floats(), spin_calls())
signal.setitimer(signal.ITIMER_REAL, 0)
# (A tick may fall between the calls, too.)
print(hits >= 15, seen - {"<module>"} <= {"spin", "spin_floats", "spin_calls", "up"})

def endless(kind):
    n = 0
    while True:
        n += 1
        if kind: len([n])

def interrupted(kind):
    try:
        endless(kind)
    except KeyboardInterrupt as error:
        return "interrupted", error.__traceback__.tb_next.tb_frame.f_locals["n"] > 0

def in_a_moment(action):
    t = threading.Timer(0.05, action)
    t.start()
    return t

for kind in (0, 1, 0, 1):
    t = in_a_moment(lambda: os.kill(os.getpid(), signal.SIGINT))
    print(interrupted(kind))
    t.join()

class Custom(Exception): pass
main = threading.get_ident()
def wait_for_it():
    x = 0
    while True:
        x = (x + 1) & 0xffff

def gets_it():
    try:
        wait_for_it()
    except Custom:
        return "custom"

for _ in range(3):
    t = in_a_moment(lambda: ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(main), ctypes.py_object(Custom)))
    print(gets_it())
    t.join()

class Stop(Exception): pass
def handler(signum, frame):
    raise Stop(frame.f_code.co_name)
signal.signal(signal.SIGALRM, handler)
def loop_with_finally(log):
    try:
        endless(0)
    finally:
        log.append("finally")
for _ in range(3):
    log = []
    signal.setitimer(signal.ITIMER_REAL, 0.03)
    try:
        loop_with_finally(log)
    except Stop as error:
        print("stopped in", error, log)

def raises_at_once():
    signal.raise_signal(signal.SIGINT)
    return "not reached"
for _ in range(8):
    try:
        raises_at_once()
    except KeyboardInterrupt as error:
        lines = error.__traceback__.tb_next.tb_lineno - raises_at_once.__code__.co_firstlineno
print("at line", lines)
