"""A queue holds pieces for their delay, in order, and within a memory that it shares."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from gameday.agent.delay_queue import PIECE_BYTES, DelayQueue, Memory


class Receiver:
    """Takes pieces and notes when."""

    def __init__(self, memory: Memory) -> None:
        """Take nothing yet."""
        self.pieces: list[tuple[float, bytes | None]] = []
        self.ended = asyncio.Event()
        self.queue = DelayQueue(self._take, lambda: None, memory)

    def _take(self, piece: bytes | None) -> None:
        self.pieces.append((asyncio.get_running_loop().time(), piece))
        if piece is None:
            self.ended.set()


@given(st.lists(st.floats(0, 0.01), min_size=1, max_size=20))
def test_jitter_delays_every_piece_and_moves_none_past_another(waits_s: list[float]) -> None:
    """And the end comes last; nothing is held any more then."""

    async def scenario() -> None:
        memory = Memory()
        receiver, began_s = Receiver(memory), asyncio.get_running_loop().time()
        for number, wait_s in enumerate(waits_s):
            receiver.queue.put(wait_s, b"%d" % number)
        receiver.queue.put(0.0, None)
        await receiver.ended.wait()
        assert [piece for _, piece in receiver.pieces] == [*(b"%d" % number for number in range(len(waits_s))), None]
        for (at_s, _), wait_s in zip(receiver.pieces, waits_s, strict=False):
            assert at_s - began_s >= wait_s - 0.0011
        assert (bool(receiver.queue), memory.used_bytes) == (False, 0)

    asyncio.run(scenario())


def test_one_queue_takes_half_of_the_memory_and_several_share_it() -> None:
    """Together they never take more; an empty one may always take a piece, and what is dropped is free again."""

    async def scenario() -> None:
        memory = Memory(1 << 20)
        first, *others = (Receiver(memory).queue for _ in range(60))
        while not first.is_full:
            first.put(60, bytes(1024))
        assert 0.49 < memory.used_bytes / memory.most_bytes < 0.51
        for queue in others:
            assert not queue.is_full
            while not queue.is_full:
                queue.put(60, bytes(1024))
        assert memory.used_bytes <= memory.most_bytes + 60 * (1024 + PIECE_BYTES)
        assert first.is_full
        for queue in (first, *others):
            queue.drop()
        assert memory.used_bytes == 0

    asyncio.run(scenario())


def test_what_is_due_waits_for_a_receiver_that_is_full() -> None:
    """Released or not, it stays in the queue, where it is counted."""

    async def scenario() -> None:
        memory = Memory()
        receiver = Receiver(memory)
        receiver.queue.wait(receiver_is_full=True)
        receiver.queue.put(0.0, b"held")
        receiver.queue.release()
        assert (receiver.pieces, memory.used_bytes) == ([], 4 + PIECE_BYTES)
        receiver.queue.wait(receiver_is_full=False)
        assert [piece for _, piece in receiver.pieces] == [b"held"]
        assert memory.used_bytes == 0

    asyncio.run(scenario())
