# SPDX-License-Identifier: MIT
"""The main thread ends, the others go on: the process is then listed as a zombie."""

import ctypes
import os
import sys
import threading

from oracle import stack, say


def lives_on(main):
    main.join()
    return tell(sys._getframe()) or os.read(0, 1) or os._exit(0)


def tell(frame):
    me = threading.current_thread()
    say(
        pid=os.getpid(),
        threads=[{"tid": me.native_id, "name": me.name, "frames": stack(frame)}],
    )


class Main:
    """There is no joining of the main thread: what it does last is this."""

    def __init__(self):
        self.gone = threading.Event()

    def join(self):
        self.gone.wait()


main = Main()
threading.Thread(target=lives_on, args=(main,), name="lives on").start()
leave = ctypes.CDLL(None).pthread_exit
main.gone.set()
leave(None)
