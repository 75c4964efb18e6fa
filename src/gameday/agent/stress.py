"""
Use processor time and memory, as much as is asked and as long as it is renewed. A process of its own; ends with whoever started it.

Run as ``python -m gameday.agent.stress MOST_CORES``. Each line on standard input is ``CORES BYTES LEASE_S``: from then on so many cores are kept
busy and so many bytes held, until the lease runs out or the input ends.
"""

from __future__ import annotations

import math
import mmap
import os
import struct
import sys
import time

from gameday.agent.leased import renewals
from gameday.agent.lifeline import die_with

_PERIOD_S = 0.02  # between two sleeps: shorter ones would cost more than the kernel's own slices
_DEBT_S = 1.0  # of processor time at most
_BLOCK_BYTES = 1 << 20
_PAGE_BYTES = 4096


def main(most_cores: float) -> None:
    """Start a worker for each core that may be asked for, and do as the input says."""
    workers = math.ceil(most_cores)
    duty = mmap.mmap(-1, 8)  # shared with the workers: the share of its time that each is busy
    for _ in range(workers):
        parent = os.getpid()
        if os.fork() == 0:
            die_with(parent)
            _burn(duty)
    _follow(duty, workers)


def _follow(duty: mmap.mmap, workers: int) -> None:
    blocks: list[mmap.mmap] = []
    for cores, wanted_bytes, _ in renewals():
        duty[:] = struct.pack("d", min(1.0, cores / workers) if workers else 0.0)
        _resize(blocks, round(wanted_bytes / _BLOCK_BYTES))


def _resize(blocks: list[mmap.mmap], count: int) -> None:
    """Hold so many blocks, every page of them written to: memory that was never touched is not there."""
    while len(blocks) > count:
        blocks.pop().close()
    while len(blocks) < count:
        block = mmap.mmap(-1, _BLOCK_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        for page in range(0, _BLOCK_BYTES, _PAGE_BYTES):
            block[page] = 1
        blocks.append(block)


def _burn(duty: mmap.mmap) -> None:
    """Use a share of all time, by the processor's own count, for ever; what a full machine denied is made up for, within a limit."""
    owed_s, seen_s, before = 0.0, time.monotonic(), 0.0
    while True:
        (share,) = struct.unpack("d", duty[:])
        now_s = time.monotonic()
        owed_s = min(owed_s + share * (now_s - seen_s), _DEBT_S) if share == before else 0.0
        seen_s, before = now_s, share
        began_s = time.process_time()
        while (used_s := time.process_time() - began_s) < min(owed_s, _PERIOD_S):
            pass
        owed_s -= used_s
        if owed_s < _PERIOD_S:
            time.sleep(_PERIOD_S * (1 - share))


if __name__ == "__main__":
    main(float(sys.argv[1]))
