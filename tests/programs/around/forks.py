"""fork: parent and child compile, run, change and end apart; multiprocessing, too."""
import multiprocessing
import os
import sys
import threading

def hot(n):
    total = 0
    for i in range(n):
        total += i * i
    return total

K = 1
def uses(): return K

for _ in range(10):
    hot(10); uses()

def child(action):
    """Runs the action in a child, and gives what it said."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(read)
            os.write(write, repr(action()).encode())
        except BaseException as error:
            os.write(write, repr(error).encode())
        finally:
            os._exit(0)
    os.close(write)
    data = b""
    while piece := os.read(read, 1000):
        data += piece
    os.close(read)
    return data.decode(), os.waitpid(pid, 0)[1]

def compile_new():
    space = {}
    exec("def fresh(a):\n    return [a + i for i in range(5)]", space)
    return [space["fresh"](i) for i in range(12)][-1]

def change():
    global K
    K = "child"
    return [uses() for _ in range(8)][-1], hot(100)

def nested():
    return child(change), uses()

def evict():
    for i in range(5):
        hot.__code__ = hot.__code__.replace(co_name=f"hot{i}")
        for _ in range(8): hot(5)
    return hot(4), hot.__code__.co_name

for round in range(3):
    print(child(lambda: hot(50)), child(compile_new), child(change), child(nested), child(evict))
    print(hot(50), uses(), compile_new())
print([child(lambda i=i: hot(i))[0] for i in range(12)][-1])

# A child that forks before it has compiled anything must not write where its parent does.
def made_by(name):
    space = {}
    exec(f"def made(a):\n    return [a, {name!r}, a * {len(name)}]", space)
    for i in range(12):
        space["made"](i)
    return space["made"]

def compile_apart():
    ready, go = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        if os.fork() == 0:
            os._exit(0)
        os.wait()
        mine = made_by("child")
        os.write(ready[1], b"!")
        os.read(go[0], 1)
        os._exit(mine(7) != [7, "child", 35])
    os.read(ready[0], 1)
    mine = made_by("parent")
    os.write(go[1], b"!")
    return os.waitpid(pid, 0)[1], mine(7)

print(*[compile_apart() for _ in range(3)])

# Another thread compiles while this one forks.
stop = False
def compiles():
    i = 0
    while not stop:
        space = {}
        exec(f"def f(a):\n    for i in range(3): a += i\n    return a + {i}", space)
        for _ in range(6): space["f"](1)
        i += 1
thread = threading.Thread(target=compiles)
thread.start()
import warnings
warnings.simplefilter("ignore")
print({child(compile_new) for _ in range(6)})
stop = True
thread.join()

def square(x):
    return hot(x), os.getpid() != parent

if __name__ == "__main__":
    parent = os.getpid()
    context = multiprocessing.get_context("fork")
    with context.Pool(3) as pool:
        print(pool.map(square, range(30))[-1], pool.apply(compile_new))
    queue = context.Queue()
    process = context.Process(target=lambda: queue.put([uses() for _ in range(9)]))
    process.start()
    print(queue.get())
    process.join()
    print(process.exitcode)
    sys.stdout.flush()
    if os.fork() == 0:
        sys.exit(print("child ends", hot(5)))  # the whole shutdown
    os.wait()
    print("parent ends")
