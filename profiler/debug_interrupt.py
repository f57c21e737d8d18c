# SPDX-License-Identifier: MIT
# Makes the debugger of this thread (debug.py) stop where this has interrupted it. inject.py runs
# it; where the debugger has gone, there is nothing to do. pysample puts in front of it how many
# prompts it had answered: ANSWERED.
import sys

if hasattr(sys, "_pysample_debug"):
    sys._pysample_debug.interrupt(sys._getframe(), ANSWERED)
