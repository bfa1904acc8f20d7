"""Sub-interpreters run without Pyston, and do not disturb the main one."""
from concurrent import interpreters

def hot(n):
    total = 0
    for i in range(n):
        total += i
    return total

for _ in range(12):
    hot(10)
for _ in range(3):
    interpreter = interpreters.create()
    interpreter.exec("""
def hot(n):
    total = 0
    for i in range(n):
        total += i
    return total
for _ in range(100):
    hot(10)
class A:
    def m(self): return 1
assert [A().m() for _ in range(100)] == [1] * 100
print(hot(100))
""")
    print(interpreter.call(hot, 50))
    interpreter.close()
    print(hot(10))

# A tracer set in another interpreter is nothing to the loops of this one.
interpreter = interpreters.create()
total = 0
for i in range(1_500_000):
    total += i & 3
    if i == 1_200_000:
        interpreter.exec("import sys; sys.settrace(lambda *args: None); sys.settrace(None)")
print(total)
interpreter.close()
