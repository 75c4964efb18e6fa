"""
Splice two TCP connections, delaying what comes back, or passing nothing, when an edge is told to.

A pair is the caller's connection and the one opened to the callee for it. Bytes pass in both directions with back-pressure: who cannot be
written to is not read for. Half-closes are passed on. Both sides send at once (TCP_NODELAY). While an edge is blackholed, a caller is
still read, up to a limit, only so that one that gives up is noticed: its connection ends on both sides, and the proxy keeps none.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias, cast

from gameday.agent.answering import Answering, begins_request
from gameday.agent.delay_queue import DelayQueue
from gameday.agent.edge import Address, Edge
from gameday.agent.resources import SHORTAGES

_EARLY_LIMIT_BYTES = 1 << 16  # of a caller whose bytes cannot go on yet

Connect: TypeAlias = "Callable[[Callable[[], CalleeSide], Address], Awaitable[CalleeSide]]"
"""Opens a connection to an address for the protocol that it makes. Raises ``OSError``."""


async def connect(make: Callable[[], CalleeSide], address: Address) -> CalleeSide:
    """Open an ordinary connection. Raises ``OSError``."""
    _, callee = await asyncio.get_running_loop().create_connection(make, *address)
    return callee


def sending_at_once(transport: asyncio.BaseTransport) -> asyncio.Transport:
    """
    Return a TCP transport that waits for no acknowledgement before it sends a small piece.

    asyncio sets TCP_NODELAY itself only where the socket was made with the protocol's number. Without it, the second piece of a message
    would wait until the other end acknowledges the first, which it may put off for 40 ms.
    """
    sending = cast("asyncio.Transport", transport)
    sending.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sending


def acknowledge(transport: asyncio.Transport) -> None:
    """
    Acknowledge what has come at once; the kernel forgets that it was asked to, so it is asked again for each piece.

    Somebody who writes a message in two pieces with Nagle's algorithm waits for it.
    """
    transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


class CallerSide(asyncio.Protocol):
    """
    The connection that a caller opened; it starts the one to the callee.

    Args:
        edge: The one that it belongs to.
        endpoints: Where this connection leads to; the edge's endpoints in turn when none are given.
        connect: Opens the connection to the callee.
    """

    def __init__(self, edge: Edge, endpoints: Sequence[Address] = (), connect: Connect = connect) -> None:
        """Open nothing yet."""
        self._edge = edge
        self._endpoints = endpoints
        self._connect = connect
        self._transport: asyncio.Transport | None = None
        self._callee: CalleeSide | None = None
        self._opening: asyncio.Task[None] | None = None
        self._early = b""  # early versions of Python 3.11 go on reading after a pause in connection_made
        self._early_end = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Read nothing until the callee has answered the dial."""
        self._transport = sending_at_once(transport)
        if not self._edge.blackholed:
            self._transport.pause_reading()
        self._edge.count_connection()
        self._edge.live.add(self)
        self._opening = asyncio.get_running_loop().create_task(self._open(self._transport))

    async def _open(self, transport: asyncio.Transport) -> None:
        await self._edge.passable()
        callee = await self._dial(transport)
        if callee is None:
            transport.abort()
            return
        if transport.is_closing():
            callee.abort()
            return
        self._callee = callee
        if self._edge.blackholed:
            self.freeze()
        else:
            self._go_on(callee)

    async def _dial(self, transport: asyncio.Transport) -> CalleeSide | None:
        """Connect to the replica whose turn it is, or to the next one that answers; None when nobody does."""
        for address in self._endpoints or self._edge.next_endpoints():
            try:
                return await self._connect(lambda: CalleeSide(self._edge, transport), address)
            except (OSError, MemoryError) as error:
                if SHORTAGES.note(error, "connections closed"):
                    return None  # the next replica would fare no better
        return None

    def freeze(self) -> None:
        """Pass nothing on; read the caller only to notice when it gives up."""
        if self._callee is not None:
            self._callee.balance()
        if self._transport is not None:
            self._transport.resume_reading()

    def release(self) -> None:
        """Pass on what waits, in both directions."""
        if self._callee is not None:
            self._go_on(self._callee)
            self._callee.release()

    def end(self) -> None:
        """Reset the caller's connection, and end the callee's."""
        if self._transport is not None:
            self._transport.abort()

    def _go_on(self, callee: CalleeSide) -> None:
        if self._transport is not None and not callee.is_full:
            self._transport.resume_reading()
        early, self._early = self._early, b""
        if early:
            self._pass_on(callee, early)
        if self._early_end:
            callee.half_close()

    def data_received(self, data: bytes) -> None:
        """Pass what the caller says on at once; keep it before the callee has answered the dial, and while nothing passes."""
        if self._transport is not None:
            acknowledge(self._transport)
        if self._callee is None or self._edge.blackholed:
            self._edge.count_exchange()
            self._early += data
            if len(self._early) > _EARLY_LIMIT_BYTES and self._transport is not None:
                self._transport.pause_reading()
            return
        if self._callee.may_be_asked:
            self._edge.count_exchange()
        self._pass_on(self._callee, data)

    def _pass_on(self, callee: CalleeSide, data: bytes) -> None:
        if callee.answering is None and self._edge.rule is not None and callee.may_be_asked:
            callee.answering = Answering(self._edge) if begins_request(data) else None
        if callee.answering is not None:
            data = self._answered(callee, callee.answering, data)
        if data:
            self._edge.sent_bytes += len(data)
            callee.write(data)

    def _answered(self, callee: CalleeSide, answering: Answering, data: bytes) -> bytes:
        """Answer what is to be answered here, and return what passes on."""
        if answering.is_over:
            callee.answering = None
            return data
        passed, said = answering.from_caller(data)
        if said and self._transport is not None:
            self._transport.write(said)
            if answering.is_last:
                self._transport.close()
        return passed

    def eof_received(self) -> bool:
        """Pass the half-close on, and keep the way back open; while nothing passes, it is a caller that gives up."""
        if self._edge.blackholed:
            return False
        if self._callee is None:
            self._early_end = True
        else:
            self._callee.half_close()
        return True

    def pause_writing(self) -> None:
        """Stop reading the callee: the caller does not keep up."""
        if self._callee is not None:
            self._callee.hold_reading(caller_is_full=True)

    def resume_writing(self) -> None:
        """Read the callee again."""
        if self._callee is not None:
            self._callee.hold_reading(caller_is_full=False)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the callee's connection too; what was held for this caller is dropped."""
        self._edge.live.discard(self)
        if self._opening is not None:
            self._opening.cancel()
        if self._callee is not None:
            self._callee.caller_lost(failed=exc is not None)


class CalleeSide(asyncio.Protocol):
    """
    The connection to the callee; holds its answers while the edge delays.

    Attributes:
        is_full: It cannot be written to for now.
        may_be_asked: The callee spoke last, or nobody did: what the caller says next begins a request, if it is one.
        answering: Answers requests in the callee's place; None while every byte passes.
    """

    def __init__(self, edge: Edge, caller: asyncio.Transport) -> None:
        """Answer to a caller's connection."""
        self._edge = edge
        self._caller = caller
        self.is_full = False
        self.may_be_asked = True
        self.answering: Answering | None = None
        self._transport: asyncio.Transport | None = None
        self._held = DelayQueue(self._pass_on, self.balance)
        self._caller_is_full = False
        self._paused = False
        self._ended = False
        self._caller_ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport to which the callee's bytes are written."""
        self._transport = sending_at_once(transport)

    def write(self, data: bytes) -> None:
        """Send to the callee."""
        self.may_be_asked = False
        if self._transport is not None:
            self._transport.write(data)

    def half_close(self) -> None:
        """Close the direction to the callee, as nothing more comes; end altogether when it had ended before."""
        self._caller_ended = True
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write_eof()
        if self._ended and not self._held:
            self._caller.close()

    def abort(self) -> None:
        """Reset the callee's connection: nobody is there to take its answers."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Pass an answer on, now or when its delay is over; never before an earlier one."""
        if self._transport is not None:
            acknowledge(self._transport)
        self._edge.received_bytes += len(data)
        self.may_be_asked = True
        if self.answering is not None:
            data = self.answering.from_callee(data)
        wait_s = self._edge.draw_delay_s()
        if wait_s is None and not self._held:
            self._caller.write(data)
            return
        if wait_s is not None:
            self._edge.delayed += 1
        self._held.put(wait_s or 0.0, data)

    def eof_received(self) -> bool:
        """Pass the callee's half-close on behind what is held."""
        self._ended = True
        if self._held:
            self._held.put(0.0, None)
        else:
            self._pass_end_on()
        return True

    def pause_writing(self) -> None:
        """Stop reading the caller: the callee does not keep up."""
        self.is_full = True
        if not self._caller.is_closing():
            self._caller.pause_reading()

    def resume_writing(self) -> None:
        """Read the caller again."""
        self.is_full = False
        if not self._caller.is_closing():
            self._caller.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Deliver what is held in its time, then end the caller's connection; a reset is passed on at once."""
        if exc is not None:
            self._held.drop()
            self._caller.abort()
        elif not self._held:
            self._caller.close()
        self._ended = True
        self._transport = None

    def caller_lost(self, *, failed: bool) -> None:
        """Drop what is held and end; with a reset when the caller's connection broke."""
        self._held.drop()
        if self._transport is not None:
            if failed:
                self._transport.abort()
            else:
                self._transport.close()

    def hold_reading(self, *, caller_is_full: bool) -> None:
        """Note whether the caller can take more."""
        self._caller_is_full = caller_is_full
        self._held.wait(receiver_is_full=caller_is_full)
        self.balance()

    def release(self) -> None:
        """Release everything that is held at once, in order."""
        self._held.release()

    def balance(self) -> None:
        """Read the callee, or do not: while its answers could go nowhere, or must not pass."""
        wanted = self._edge.blackholed or self._held.is_full or (self._caller_is_full and not self._held)
        if self._transport is None or self._transport.is_closing() or wanted == self._paused:
            return
        self._paused = wanted
        if wanted:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def _pass_on(self, piece: bytes | None) -> None:
        if piece is None:
            self._pass_end_on()
        elif not self._caller.is_closing():
            self._caller.write(piece)
        if not self._held and self._transport is None:
            self._caller.close()

    def _pass_end_on(self) -> None:
        if self._caller_ended:
            self._caller.close()
        elif not self._caller.is_closing():
            self._caller.write_eof()
