# SPDX-License-Identifier: MIT
# Follows heap_walk.py in what a target executes to write its heap dump. HOW, which pysample puts
# in front, is "fork" or "here"; VALUES whether texts and numbers are told; __stream__, which
# inject.py gives, the path of a pipe to pysample.


def take(stream, how, values):
    began = time.monotonic_ns()
    below = sys._getframe(1)
    while below is not None and below.f_code.co_name != "pysample_inject":
        below = below.f_back
    if below is not None and below.f_back is not None:
        below = below.f_back.f_back  # what was interrupted, or nothing
    threads = stacks(below) if below is not None else None
    fd = posix.open(stream, posix.O_WRONLY | posix.O_CLOEXEC)
    if how == "here":
        try:
            walk(fd, below=below, own=(take, threads), values=values, threads=threads)
        finally:
            posix.close(fd)
        print(time.monotonic_ns() - began)
        return
    pid = fork_quietly()
    if pid == 0:
        try:
            close_all_but(fd)
            walk(fd, below=below, own=(take, threads), values=values, forked=True, threads=threads)
        finally:
            posix._exit(0)
    posix.close(fd)
    # No zombie is left, and nobody waits for the copy but a thread that ends with it.
    _thread.start_new_thread(wait_for, (pid,))
    print(time.monotonic_ns() - began)


def fork_quietly():
    """Python 3.12 and later warn of forks in programs with threads: rightly, for the copy must
    not touch locks. It does not."""
    warnings = sys.modules.get("warnings")
    if warnings is None or sys.version_info < (3, 12):
        return posix.fork()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return posix.fork()


def wait_for(pid):
    try:
        posix.waitpid(pid, 0)
    except OSError:
        pass  # the program waits for all of its children itself


def close_all_but(fd):
    """Connections and files are not to stay open for as long as the walk takes."""
    try:
        most = max(int(name) for name in posix.listdir("/proc/self/fd"))
    except (OSError, ValueError):
        most = 65535
    posix.closerange(0, fd)
    posix.closerange(fd + 1, most + 1)


take(__stream__, HOW, VALUES)
