"""Objects that hold each other in long chains die without taking the native stack with them."""

import threading
import tracemalloc


class Node:
    def __init__(self, following):
        self.following = following


class Loud:
    def __del__(self):
        died.append(1)


died = []


def lists(n):
    chain = []
    for i in range(n):
        chain = [chain, Loud()] if i % 1000 == 0 else [chain]


def nodes(n):
    chain = None
    for _ in range(n):
        chain = Node(chain)
    chain = "something else"
    return chain


def tuples(n):
    chain = ()
    for _ in range(n):
        chain = (chain,)
    holder = {"chain": chain}
    del chain
    return len(holder)


def waits(n):
    chain = []
    for _ in range(n):
        chain = [chain]
    yield n
    yield len(chain)


async def awaits(n):
    chain = [Loud()]
    for _ in range(n):
        chain = [chain]
    return n


def work(n):
    lists(n)
    print(nodes(n), tuples(n), list(waits(n)), next(waits(n)), len(died))
    try:
        awaits(n).send(None)
    except StopIteration as stop:
        print(stop.value, len(died))
    died.clear()


for n in 10, 100, 50_000:
    work(n)
tracemalloc.start()
work(1_000)
tracemalloc.stop()
threading.stack_size(256 * 1024)
thread = threading.Thread(target=work, args=(5_000,))
thread.start()
thread.join()
