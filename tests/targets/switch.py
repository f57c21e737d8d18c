# SPDX-License-Identifier: MIT
"""Switches remote debugging off as a program does that embeds Python: in the configuration
that its interpreter has, without an option or a variable."""

import ctypes
import sys

from oracle import hold

# Words of the table: interpreters_head, and remote_debugging_enabled.
HEAD, ENABLED = 5, {14: 0x2D8 // 8, 15: 0x358 // 8}[sys.version_info.minor]

table = (ctypes.c_uint64 * 128).in_dll(ctypes.pythonapi, "_PyRuntime")
runtime = ctypes.addressof(table)
interpreter = ctypes.c_uint64.from_address(runtime + table[HEAD] + 8).value
ctypes.c_int.from_address(interpreter + table[ENABLED]).value = 0
assert not sys.is_remote_debug_enabled()
hold()
