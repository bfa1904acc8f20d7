"""Context variables, asyncio, greenlets' kin: who runs where."""
import asyncio
import contextvars
import threading

var = contextvars.ContextVar("var", default="default")

def get():
    return var.get()

def set_and_get(x):
    token = var.set(x)
    inner = get()
    var.reset(token)
    return inner, get()

for _ in range(10):
    get(); set_and_get(1)
print(get(), set_and_get(5))
context = contextvars.copy_context()
print(context.run(lambda: (var.set("inside"), get())[1]), get(), context[var])
print([context.run(get) for _ in range(3)])

async def leaf(x):
    await asyncio.sleep(0)
    return x * 2

async def task(i):
    var.set(i)
    total = 0
    for k in range(5):
        total += await leaf(k)
        assert get() == i
    return total, get()

async def agen(n):
    for i in range(n):
        await asyncio.sleep(0)
        yield i

async def fails():
    await leaf(1)
    raise ValueError("in a task")

async def main():
    results = await asyncio.gather(*(task(i) for i in range(10)))
    seen = [x async for x in agen(4)]
    try:
        await fails()
    except ValueError as error:
        caught = str(error)
    try:
        async with asyncio.timeout(0.01):
            while True:
                await asyncio.sleep(0)
    except TimeoutError:
        caught += ", timeout"
    t = asyncio.create_task(asyncio.sleep(10))
    await asyncio.sleep(0)
    t.cancel()
    try:
        await t
    except asyncio.CancelledError:
        caught += ", cancelled"
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(leaf(i)) for i in range(5)]
    return results[-1], seen, caught, [t.result() for t in tasks]

for _ in range(3):
    print(asyncio.run(main()))
print(get())
