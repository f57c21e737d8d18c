# SPDX-License-Identifier: MIT
# What inject.py, in front of which this stands, has to do in PyPy alone.


def pysample_close_own_file(folder):
    """PyPy leaves the file open that it has read this from (to 8.0: run_debugger() in
    interp_signal.py), and nothing else ever closes it."""
    import posix

    def close_if_ours(fd):
        try:
            if posix.fstat(fd)[1:3] == ours:  # inode and device
                posix.close(fd)
                return True
        except OSError:
            pass
        return False

    try:
        ours = posix.stat(folder + b"/s")[1:3]
        if not any(map(close_if_ours, range(64))):
            any(map(close_if_ours, map(int, posix.listdir("/proc/self/fd"))))
    except OSError:
        pass


def pysample_hold_lock(folder, lock):
    """PyPy has to be told when this has ended, for it is deaf to signals until then; whoever
    does that (guard.c) waits for this lock if pysample itself does not. lock[0] is its
    descriptor then."""
    import posix

    try:
        lock[0] = posix.open(folder + b"/p", posix.O_RDWR | posix.O_CLOEXEC)
        posix.lockf(lock[0], posix.F_TLOCK, 0)
    except OSError:
        pass


PYPY = (pysample_close_own_file, pysample_hold_lock)
