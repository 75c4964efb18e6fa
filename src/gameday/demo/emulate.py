"""Emulated service time: it occupies a slot, not the processor, so that two cores suffice for the whole shop."""

from __future__ import annotations

import asyncio

from gameday.demo.service import Context


async def work(service_s: float, context: Context) -> bool:
    """Work for a while; False, without working longer, when the caller's deadline passes before the end."""
    left_s = context.deadline_s - asyncio.get_running_loop().time() if context.deadline_s is not None else service_s
    await asyncio.sleep(max(0.0, min(service_s, left_s)))
    return left_s >= service_s
