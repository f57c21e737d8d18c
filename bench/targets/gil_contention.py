"""Two threads that compute in Python without a pause, and so share one GIL.

Known: --mode gil shows one thread's worth of time for both together, a half for each;
--mode wall -i shows one for each. At every moment one runs and one waits for the GIL, so
--mode cpu shows what gil does, as long as there is a CPU to be had.

Stacks, below threading's own frames: ping > leaf_ping, pong > leaf_pong, never mixed;
MainThread is idle in <module> > Thread.join.
"""

import threading


def leaf_ping(n):
    for i in range(200):
        n += i
    return n


def leaf_pong(n):
    for i in range(200):
        n -= i
    return n


def ping():
    n = 0
    while True:
        n = leaf_ping(n)


def pong():
    n = 0
    while True:
        n = leaf_pong(n)


threads = [
    threading.Thread(target=target, name=target.__name__, daemon=True) for target in (ping, pong)
]
for thread in threads:
    thread.start()
print("ready", flush=True)
threads[0].join()
