"""The end of the program: modules go, finalizers run, threads and atexit functions still use compiled code."""
import atexit
import sys
import threading
import time

def helper(x):
    return [x, len([x])]

class Resource:
    count = 0
    def __init__(self, name):
        self.name = name
        Resource.count += 1
    def close(self):
        return helper(self.name)
    def __del__(self):
        try:
            print("del", self.name, self.close())
        except Exception as error:
            print("del failed", self.name, type(error).__name__)

def make(i):
    return Resource(i)

for i in range(10):
    make(i)
kept = make("kept")
cycle = make("cycle")
cycle.me = cycle

@atexit.register
def ending():
    print("atexit", helper("x"))
    def late(n):
        return n + 1
    print([late(i) for i in range(8)][-1])

def worker():
    time.sleep(0.05)
    print("worker", helper("w"))

threading.Thread(target=worker).start()
sys.unraisablehook = lambda args: None
print("main done")
