"""One CPU-bound thread, 33 Python frames deep, with a leaf that calls nothing."""


def leaf():
    n = 0
    while True:
        n = n * 3 % 1000003 + 1


def down(n):
    return leaf() if n == 0 else down(n - 1)


print("ready", flush=True)
down(30)
