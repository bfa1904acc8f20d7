# ways: first warm exits evict loops loops-exits loops-evict
"""Other code writes the variables of a loop that runs compiled, through the frame's f_locals."""

import sys


def write(**names):
    sys._getframe(1).f_locals.update(names)


def numbers(n):
    total = 0
    real = 0.5
    text = "s"
    for i in range(n):
        total += i
        real += 0.5
        if i == 3:
            write(total=1000)
        if i == 5:
            write(i=50, real=-1.0)
        if i == 7:
            write(total=2**70, text=None)
        if i == 9:
            write(real="a string")
            real = 1.5
        total += 1
        text = (text, i)[i % 2]
    return total, real, text


def in_a_cell(n):
    x = 1

    def inner():
        return x

    for i in range(n):
        if i == 4:
            write(x=[i])
        x = x
        i += 1
    return x, inner()


def nested(n):
    total = 0
    for i in range(n):
        for j in range(3):
            total += j
            if i == 4 and j == 1:
                write(total=-total, j=7, i=100)
        total += i
    return total


def each_round(n):
    total = 0
    for i in range(n):
        write(total=total + i)
        total += 1
    return total


for _ in range(10):
    print(numbers(12), in_a_cell(8), nested(8), each_round(60))
