"""The runner reaches an agent at whichever address its pod has; nobody else commands it, or keeps it from hearing."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from gameday.agent.pod.control import Control, Request
from gameday.agent.proof import Commander, ForgedError, Verifier, cut
from gameday.agent.wire import PROOF_HEADER

AGENT = "a-pod/an-agent"
RUN = Commander(bytes(32))
IDLE = 500
SOON_S = 2.0
"""Far below the time for which a silent connection may stay."""


class Agent:
    """A control that counts what it did, and what is said to it over real sockets."""

    def __init__(self) -> None:
        """Serve nothing yet."""
        self.done: list[object] = []
        self.verifier = Verifier(AGENT, RUN.public)
        self.port = 0

    async def answer(self, request: Request) -> Request:
        """Do what is asked."""
        self.done.append(request["op"])
        return {"op": request["op"]}

    async def send(self, proof: str, body: bytes, *, host: str = "127.0.0.1") -> tuple[int, bytes]:
        """Send a request and return the status and the text of its answer."""
        reader, writer = await asyncio.open_connection(host, self.port)
        try:
            head = f"POST / HTTP/1.1\r\n{PROOF_HEADER}: {proof}\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            head_, _, text = (await reader.read()).partition(b"\r\n\r\n")
        finally:
            writer.close()
        return int(head_.split(b" ")[1]), text

    def proof(self, body: bytes, *, by: Commander = RUN, agent: str = AGENT) -> str:
        """Return the proof of a new command."""
        return by.prove(agent, self.verifier.boot, "/", body)


@asynccontextmanager
async def agent() -> AsyncIterator[Agent]:
    """Serve at a free port."""
    new = Agent()
    server = await Control(new.verifier, new.answer).listen(0)
    new.port = server.sockets[0].getsockname()[1]
    try:
        yield new
    finally:
        server.close()


def request(op: str) -> bytes:
    """Return a request's body."""
    return json.dumps({"op": op}).encode()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_an_agent_answers_over_both_versions_of_ip(host: str) -> None:
    """A cluster without IPv4 gives its pods no other address."""
    if ":" in host and not socket.has_ipv6:
        pytest.skip("no IPv6 here")

    async def asked() -> bytes:
        async with agent() as there:
            return (await there.send(there.proof(request("hello")), request("hello"), host=host))[1]

    assert asyncio.run(asked()).endswith(b'{"op": "hello"}')


FORGED: dict[str, Callable[[Agent, bytes], str]] = {
    "none at all": lambda _, __: "",
    "no proof": lambda _, __: "a.1.b.c",
    "two proofs in one": lambda there, body: f"{there.proof(body)}.{there.proof(body)}",
    "another run's": lambda there, body: there.proof(body, by=Commander(bytes([1] * 32))),
    "another pod's": lambda there, body: there.proof(body, agent="b-pod/an-agent"),
    "another container's": lambda there, body: there.proof(body, agent="a-pod/another"),
    "another start's": lambda _, body: RUN.prove(AGENT, "00" * 32, "/", body),
    "another path's": lambda there, body: RUN.prove(AGENT, there.verifier.boot, "/else", body),
    "another body's": lambda there, _: there.proof(b"{}"),
    "cut off": lambda there, body: there.proof(body)[:-2],
    "longer": lambda there, body: there.proof(body) + "00",
    "another number's": lambda there, body: re.sub(r"[.]\d+[.]", ".99999.", there.proof(body)),
    "another name's": lambda there, body: "f" + there.proof(body),
    "not hexadecimal": lambda there, body: there.proof(body)[:-1] + "g",
    "not ASCII": lambda there, body: "\xe9" + there.proof(body),
}


@pytest.mark.parametrize("how", FORGED)
def test_what_is_not_proven_is_refused(how: str) -> None:
    """Nothing is done, and the agent goes on."""

    async def tried() -> None:
        async with agent() as there:
            status, text = await there.send(FORGED[how](there, request("leave")), request("leave"))
            assert status == (400 if how == "not ASCII" else 403)
            assert b"error" in text
            assert there.done == []
            assert (await there.send(there.proof(request("hello")), request("hello")))[0] == 200

    asyncio.run(tried())


def test_a_command_counts_once_and_in_its_order() -> None:
    """Whoever has read it on its way cannot send it again, nor one that was held back after a newer one."""

    async def tried() -> None:
        async with agent() as there:
            first, held, last = (there.proof(request(op)) for op in ("first", "held", "last"))
            assert (await there.send(first, request("first")))[0] == 200
            assert (await there.send(first, request("first")))[0] == 403
            assert (await there.send(last, request("last")))[0] == 200
            assert (await there.send(held, request("held")))[0] == 403
            assert there.done == ["first", "last"]

    asyncio.run(tried())


def test_many_threads_and_processes_command_one_agent() -> None:
    """Each command is done once, whichever comes first."""
    callers = [RUN, Commander(bytes(32))]  # as another process of the same run

    def command(there: Agent, loop: asyncio.AbstractEventLoop, number: int) -> int:
        body = request(f"op-{number}")

        def send(proof: str) -> tuple[int, bytes]:
            return asyncio.run_coroutine_threadsafe(there.send(proof, body), loop).result()

        status, said, boot = callers[number % 2].command(AGENT, "/", body, send)
        assert (json.loads(said)["op"], boot) == (f"op-{number}", there.verifier.boot)
        return status

    async def commanded() -> None:
        async with agent() as there:
            loop = asyncio.get_running_loop()
            answers = await asyncio.gather(*(asyncio.to_thread(command, there, loop, each) for each in range(24)))
            assert answers == [200] * 24
            assert sorted(map(str, there.done)) == sorted(f"op-{each}" for each in range(24))

    asyncio.run(commanded())


@pytest.mark.parametrize(
    "said", [b"", b"POST / HTTP/1.1\r\nX-Half: ", b"POST / HTTP/1.1\r\nContent-Length: 262144\r\n\r\n{"]
)
def test_the_run_is_heard_while_strangers_keep_connections(said: bytes) -> None:
    """Of those that have proven nothing, the oldest make room."""

    async def heard() -> None:
        async with agent() as there:
            opened = [await asyncio.open_connection("127.0.0.1", there.port) for _ in range(IDLE)]
            for _, writer in opened:
                writer.write(said)
            async with asyncio.timeout(SOON_S):
                for _ in range(20):
                    assert (await there.send(there.proof(request("hello")), request("hello")))[0] == 200
            for _, writer in opened:
                writer.close()

    asyncio.run(heard())


def test_strangers_hold_few_connections_at_a_time() -> None:
    """The others have been ended, long before their time is over."""

    async def held() -> int:
        async with agent() as there:
            opened = [await asyncio.open_connection("127.0.0.1", there.port) for _ in range(IDLE)]
            ends = [asyncio.ensure_future(reader.read()) for reader, _ in opened]
            await asyncio.wait(ends, timeout=SOON_S)
            open_ = sum(not each.done() for each in ends)
            for each in ends:
                each.cancel()
            await asyncio.gather(*ends, return_exceptions=True)
            for _, writer in opened:
                writer.close()
            return open_

    assert 0 < asyncio.run(held()) <= 64


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"POST / HTTP/1.1\r\nX: " + b"a" * (1 << 20), 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", 403),
        (b"\0" * 100 + b"\r\n\r\n", 403),
    ],
)
def test_what_is_too_long_is_refused_before_it_has_come(head: bytes, status: int) -> None:
    """A stranger's body is never waited for."""

    async def told() -> bytes:
        async with agent() as there, asyncio.timeout(SOON_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", there.port)
            writer.write(head)
            try:
                return await reader.readuntil(b"\r\n")
            finally:
                writer.close()

    assert asyncio.run(told()).startswith(b"HTTP/1.1 %d " % status)


def test_an_answer_is_the_agents_own_to_the_command() -> None:
    """One that somebody else gives, or gave to another command, is none; nor is another start than the log's."""
    verifier, other = Verifier(AGENT, RUN.public), Verifier(AGENT, RUN.public)
    caller = Commander(bytes(32))

    def answered(by: Verifier, *, to: str = "") -> str:
        def send(proof: str) -> tuple[int, bytes]:
            try:
                by.check(proof, "/").check_body(b"{}")
            except ForgedError as error:
                return 403, by.sign(to or proof, 403, json.dumps(by.refusal(error)).encode())
            return 200, by.sign(to or proof, 200, b"{}")

        return caller.command(AGENT, "/", b"{}", send)[2]

    assert answered(verifier) == verifier.boot
    with pytest.raises(ForgedError, match="not the agent's own"):
        answered(verifier, to="an earlier one")
    with pytest.raises(ForgedError, match="not the agent's own"):
        caller.command(AGENT, "/", b"{}", lambda proof: (200, other.sign(proof, 200, b"{}")))
    with pytest.raises(ForgedError, match="log"):
        caller.see_announced(AGENT, other.boot, lambda: f"gameday boot {verifier.boot}\n")
    caller.see_announced(AGENT, verifier.boot, lambda: f"a warning\ngameday boot {verifier.boot}\n")
    with pytest.raises(ForgedError, match="not the agent's own"):
        answered(other)
    assert answered(verifier) == verifier.boot
    assert cut(b"<html>\n") == ("", b"<html>\n")
