# SPDX-License-Identifier: MIT
"""Run as the first process of a pid namespace: has pysample record a program, ends that
program, and gives its pid to another Python at once. Says how pysample took it.

Usage: reuse.py COMMAND-OF-PYSAMPLE... -- PROGRAM...   ("PID" stands for the pid)
"""

import json
import os
import signal
import subprocess
import sys

import process


def last_pid():
    with open("/proc/sys/kernel/ns_last_pid") as f:
        return int(f.read())


def next_is(pid):
    """Sees to it that the next process gets that pid."""
    try:
        with open("/proc/sys/kernel/ns_last_pid", "w") as f:
            f.write(str(pid - 1))
    except OSError:
        while last_pid() != pid - 1:  # round once through all of them
            child = os.fork()
            if child == 0:
                os._exit(0)
            os.waitpid(child, 0)


at = sys.argv.index("--")
pysample, program = sys.argv[1:at], sys.argv[at + 1 :]
first = process.Child(program)
first.said()
p = subprocess.Popen(
    [str(first.pid) if a == "PID" else a for a in pysample], stderr=subprocess.PIPE
)
process.sampling(p)
# As fast as can be: pysample stands still from before the first dies until the other runs.
p.send_signal(signal.SIGSTOP)
process.until(lambda: process.state(p.pid) == "T", "pysample to stand still")
process.kill(first.pid)
first.popen.wait()
next_is(first.pid)
second = process.Child([*program[:-1], os.path.join(os.path.dirname(program[-1]), "churn.py")])
second.said()
p.send_signal(signal.SIGCONT)
_, err = p.communicate(timeout=process.PATIENCE)
print(json.dumps({"same": second.pid == first.pid, "code": p.returncode, "err": err.decode()}))
second.end()
