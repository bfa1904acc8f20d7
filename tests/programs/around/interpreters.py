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
