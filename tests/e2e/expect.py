# SPDX-License-Identifier: MIT
"""What pysample prints, read back, and what it ought to print for what a target says."""

import collections
import os
import re

# Functions and files as pysample shows them in text --------------------------------------


def utf8(text):
    """Lone surrogates have no UTF-8."""
    return "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text)
