"""The allocator's settings: keep freed memory instead of giving it back at every step.

A convolutional network's activations are hundreds of megabytes that are freed and asked for again at each step. The
GNU C library maps every large block afresh and unmaps it when freed, so that each step touches all its pages for the
first time, which costs more than the arithmetic between them. Two settings keep the pages instead.
"""

from __future__ import annotations

import ctypes
import os
import sys

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # M_TRIM_THRESHOLD and M_MMAP_MAX of <malloc.h>


def keep_freed_memory() -> str:
    """Make the allocator keep what is freed; call it before the first large allocation of the process.

    It holds for the whole process: what was its largest use stays its size until it ends. A no-op where the C library
    is not GNU's, and where the environment already sets the allocator (``MALLOC_TRIM_THRESHOLD_``, ``MALLOC_MMAP_MAX_``
    or ``MALLOC_MMAP_THRESHOLD_``).

    Returns:
        "kept" when the settings were made, otherwise why not, in words.
    """
    if not sys.platform.startswith("linux"):
        return f"left alone: {sys.platform} has another allocator"
    given = [n for n in ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_MAX_", "MALLOC_MMAP_THRESHOLD_") if n in os.environ]
    if given:
        return f"left alone: {given[0]} is set in the environment"
    try:
        libc = ctypes.CDLL("libc.so.6")
        done = libc.mallopt(_MMAP_MAX, 0) and libc.mallopt(_TRIM_THRESHOLD, -1)
    except (OSError, AttributeError):
        return "left alone: not the GNU C library"
    return "kept" if done else "left alone: the C library refused"
