"""Threads that sleep and wait, and one that does so three quarters of its time.

Known: "waits" and "sleeps" are idle in every sample, so only -i shows them, and no other
mode does. "naps" is in spin() for a quarter of the time, by the wall clock, and sleeps for
three quarters (some 5 and 15 ms in turns): a quarter of its samples hold the GIL, and are
on a CPU as far as there is one to be had. MainThread is idle in join().

Stacks, below threading's own frames: waiter > Event.wait > Condition.wait; sleeper; nap,
nap > spin; and <module> > Thread.join of MainThread.
"""

import threading
import time


def spin(end):
    while time.perf_counter() < end:
        pass


def nap():
    spun = slept = 0.0
    began = time.perf_counter()
    while True:
        # What a sleep was too long, the next spin makes good.
        spin(began + max(0.005, slept / 3 + 0.005 - spun))
        woke = time.perf_counter()
        spun += woke - began
        time.sleep(0.015)
        began = time.perf_counter()
        slept += began - woke


def sleeper():
    while True:
        time.sleep(3600)


def waiter():
    threading.Event().wait()


threads = [
    threading.Thread(target=target, name=name, daemon=True)
    for target, name in ((waiter, "waits"), (sleeper, "sleeps"), (nap, "naps"))
]
for thread in threads:
    thread.start()
print("ready", flush=True)
threads[-1].join()
