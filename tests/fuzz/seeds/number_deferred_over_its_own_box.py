def f(k=31):
    for x in range(3, 0, -1):
        x %= k
        y, k = ([], k)
        k -= x**-1 % 1000003
    return k


def tell():
    out(f())  # noqa: F821
    numbers = [float(text) for text in ["0.5"] * 200]
    out(len(set(map(id, numbers))))  # noqa: F821


for r in range(300):
    f()
tell()
