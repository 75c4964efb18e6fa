"""A process counts what it had not enough of, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import resource
import socket
from collections.abc import Iterator

import pytest

from gameday.agent.resources import ACCEPTED_AT_ONCE, BACKLOG, Shortages, lacking, widen

_ESTABLISHED = 1  # net/tcp_states.h


@contextlib.contextmanager
def no_more_files() -> Iterator[None]:
    """Let this process open nothing."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def wrapped(error: BaseException) -> Exception:
    """Return an error as a client's library hands it on."""
    try:
        try:
            raise error
        except OSError as inner:
            raise ConnectionError("no new connection") from inner
    except ConnectionError as outer:
        return RuntimeError(outer)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM])
def test_what_is_used_up_is_recognised_whatever_it_is_wrapped_in(number: int) -> None:
    """A load's client raises errors of its own."""
    error = OSError(number, os.strerror(number))
    assert lacking(error) == lacking(wrapped(error)) is not None


def test_what_the_other_end_did_is_no_shortage() -> None:
    """It is the system's."""
    for number in (errno.ECONNREFUSED, errno.ECONNRESET, errno.ETIMEDOUT, errno.EHOSTUNREACH):
        assert lacking(wrapped(OSError(number, os.strerror(number)))) is None
    assert lacking(None) is None


def test_a_full_backlog_is_counted_once() -> None:
    """By the kernel, which drops what finds no room; what was told is not told again."""

    async def scenario() -> None:
        server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0, backlog=1)
        shortages = Shortages()
        shortages.watch(server)
        assert shortages.news() == {}
        address = server.sockets[0].getsockname()
        callers = [socket.socket() for _ in range(8)]
        for caller in callers:
            caller.settimeout(0)
            caller.connect_ex(address)  # the loop does not run meanwhile, so nothing is accepted
        (what, count), *others = shortages.news().items()
        assert others == []
        assert what.startswith("room in a listener's backlog")
        assert count > 0
        for caller in callers:
            caller.close()
        server.close()

    asyncio.run(scenario())


def test_a_failed_accept_is_counted_and_told_once() -> None:
    """The loop tries again as often as the backlog is long."""

    async def scenario() -> dict[str, int]:
        loop, shortages = asyncio.get_running_loop(), Shortages()
        shortages.follow(loop)
        error = OSError(errno.EMFILE, "Too many open files")
        for _ in range(100):
            loop.call_exception_handler({"message": "socket.accept() out of system resource", "exception": error})
        return dict(shortages.news())

    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert asyncio.run(scenario()) == {f"open files (limit {limit}): times nothing was accepted for a second": 1}


def test_a_listener_without_files_ends_in_order(caplog: pytest.LogCaptureFixture) -> None:
    """The loop accepts again a second later, once for each try that had failed; by then there is no listener."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        Shortages().follow(loop)
        server = widen(await loop.create_server(asyncio.Protocol, "127.0.0.1", 0, backlog=ACCEPTED_AT_ONCE))
        with socket.socket() as caller, no_more_files():
            caller.connect(server.sockets[0].getsockname())
            await asyncio.sleep(0.05)
        server.close()
        await asyncio.sleep(1.1)

    with caplog.at_level(logging.ERROR, "asyncio"):
        asyncio.run(scenario())
    assert [record.getMessage().splitlines()[0] for record in caplog.records] == [
        "socket.accept() out of system resource"
    ]


def test_a_widened_listener_lets_as_many_wait_as_it_says() -> None:
    """Although asyncio was told of few."""

    async def scenario() -> list[int]:
        loop = asyncio.get_running_loop()
        server = widen(await loop.create_server(asyncio.Protocol, "127.0.0.1", 0, backlog=ACCEPTED_AT_ONCE))
        with contextlib.ExitStack() as kept:
            callers = [kept.enter_context(socket.socket()) for _ in range(4 * ACCEPTED_AT_ONCE)]
            for caller in callers:
                caller.settimeout(0)
                caller.connect_ex(server.sockets[0].getsockname())
            found = [caller.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] for caller in callers]
        server.close()
        return found

    assert BACKLOG > 4 * ACCEPTED_AT_ONCE
    assert asyncio.run(scenario()) == [_ESTABLISHED] * 4 * ACCEPTED_AT_ONCE
