"""Only numbers and addresses reach nft, a helper or a store: all else is refused with a sentence, and nothing is done."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from gameday.agent.pod import process
from gameday.agent.pod.callers import Callers
from gameday.agent.pod.control import Control, Request
from gameday.agent.pod.network import Network
from gameday.agent.pod.table import Entry, Table, layout
from gameday.agent.pod.ways import Ways
from gameday.agent.proof import Commander, Verifier
from gameday.agent.wire import PROOF_HEADER

RUN = Commander(bytes(32))
BREAKOUT = "\n; flush ruleset\n"
HOSTILE_PORTS: list[object] = [
    f"80{BREAKOUT}",
    "80",
    "80\n",
    -1,
    0,
    70_000,
    80.5,
    8e1,
    True,
    None,
    [80],
    {},
    1 << 70,
    "@in",
]
HOSTILE_HOSTS: list[object] = [
    f"10.0.0.1{BREAKOUT}",
    "10.0.0.1; flush ruleset",
    "10.0.0.1\n",
    "10.0.0.0/8",
    "10.0.0.1-10.0.0.9",
    "::ffff:10.0.0.1",
    "fe80::1%eth0",
    f"fe80::1%x{BREAKOUT}",
    "fe80::1%x timeout 1d } ; flush ruleset",
    "localhost",
    "010.0.0.1",
    "",
    "*",
    "@out",
    167772161,
    None,
    True,
    ["10.0.0.1"],
]
NUMBERS: list[object] = ["1", "1\n2 3", -1, 1e30, "nan", True, None, [1], {}]
LEASES: list[object] = [*NUMBERS, 0, 3601]


@pytest.fixture
def nft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file that an nft in place of the real one writes what it is told to."""
    told = tmp_path / "told"
    program = tmp_path / "nft"
    program.write_text(f'#!/bin/sh\necho "$@" >> {told}\ncat >> {told}\n', encoding="ascii")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return told


def network() -> Network:
    """Return what answers about a network, without listeners."""
    table = Table(proxy_port=4711, spared=())
    return Network(Ways(table, gateways=()), table)


def opened(**changes: object) -> dict[str, object]:
    """Return a request that opens a way towards an address that nobody has."""
    return {"op": "open", "edge": "a -> b", "side": "out", "destinations": [["192.0.2.1", 9]], "lease_s": 1, **changes}


def incoming(ports: list[object]) -> dict[str, object]:
    """Return a request that opens a way into ports."""
    return {"op": "open", "edge": "a -> b", "side": "in", "ports": ports, "lease_s": 1}


def test_what_is_numeric_reaches_nft(nft: Path) -> None:
    """So what follows would be seen."""
    asyncio.run(network().answer(opened()))
    assert "192.0.2.1 . 9 timeout 5s" in nft.read_text(encoding="ascii")


@pytest.mark.parametrize(
    "request_",
    [
        *(incoming([each]) for each in HOSTILE_PORTS),
        *(opened(destinations=[["192.0.2.1", each]]) for each in HOSTILE_PORTS),
        *(opened(destinations=[[each, 9]]) for each in HOSTILE_HOSTS),
        *(opened(lease_s=each) for each in LEASES),
        opened(destinations=[["192.0.2.1"]]),
        opened(destinations=[["192.0.2.1", 9, 9]]),
        opened(destinations="192.0.2.1"),
        opened(destinations=[]),
        opened(destinations=[["192.0.2.1", 1 + each] for each in range(5000)]),
        opened(side=f"in{BREAKOUT}"),
        opened(edge=["a"], destinations=[[f"fe80::1%{BREAKOUT}", 9]]),
    ],
    ids=lambda request_: repr(request_)[:120],
)
def test_nothing_else_does(nft: Path, request_: Request) -> None:
    """Whoever sends it is told what is valid."""
    with pytest.raises((ValueError, TypeError)) as refused:
        asyncio.run(network().answer(request_))
    assert str(refused.value)
    assert not nft.exists()


@pytest.mark.parametrize("host", [each for each in HOSTILE_HOSTS if isinstance(each, str)])
def test_no_rule_can_be_written_of_anything_else(host: str) -> None:
    """Wherever it comes from: what an entry holds, and what is spared."""
    with pytest.raises(ValueError, match="address"):
        Entry(destinations=((host, 80),))
    with pytest.raises(ValueError, match="address"):
        layout([Entry(ports=(80,))], proxy_port=4711, spared=[host])
    with pytest.raises(ValueError, match="port"):
        layout([], proxy_port=70_000, spared=[])


@pytest.mark.parametrize(
    ("op", "valid", "name", "values"),
    [
        ("delay", {"delay_s": 1, "jitter_s": 0, "lease_s": 1}, "delay_s", NUMBERS),
        ("delay", {"delay_s": 1, "jitter_s": 0, "lease_s": 1}, "jitter_s", NUMBERS),
        ("delay", {"delay_s": 1, "jitter_s": 0, "lease_s": 1}, "lease_s", LEASES),
        ("blackhole", {"lease_s": 1}, "lease_s", LEASES),
        (
            "answer",
            {"path": "/*", "status": 503, "share": 1, "lease_s": 1},
            "status",
            [*NUMBERS, 99, 503.5, "503\r\nX: y"],
        ),
        ("answer", {"path": "/*", "status": 503, "share": 1, "lease_s": 1}, "share", [*NUMBERS, 1.5]),
        ("canary", {"kind": "http", "within_s": 1}, "within_s", NUMBERS),
        ("canary", {"kind": "http", "within_s": 1}, "kind", [BREAKOUT, None, 1]),
        ("canary", {"kind": "http", "within_s": 1}, "path", ["/ HTTP/1.1\r\nX: y", "x", None, 1]),
        ("page", {"port": 80, "path": "/"}, "port", HOSTILE_PORTS),
        ("page", {"port": 80, "path": "/"}, "path", ["/\r\n\r\n", "/a b", "", 1, None]),
        ("endpoints", {}, "endpoints", [[["10.0.0.1", 80]]]),
    ],
)
def test_what_an_edge_does_is_within_limits(
    nft: Path, op: str, valid: dict[str, object], name: str, values: list[object]
) -> None:
    """Each parameter by itself; the others are valid."""

    async def tried() -> None:
        answers = network()
        await answers.answer(opened(lease_s=60))
        for value in values:
            with pytest.raises((ValueError, TypeError)):
                await answers.answer({"op": op, "edge": "a -> b", **valid, name: value})
        state = await answers.answer({"op": "state", "edge": "a -> b"})
        assert (state["delay_s"], state["blackholed"], state["rule"]) == (None, False, None)

    asyncio.run(tried())
    assert nft.exists()


STRESS = {"cores": 0, "memory_bytes": 0, "most_cores": 0, "most_bytes": 0, "lease_s": 1}


@pytest.mark.parametrize(
    ("op", "valid", "name", "values"),
    [
        *(("stress", STRESS, name, NUMBERS) for name in STRESS if name != "lease_s"),
        ("stress", STRESS, "lease_s", LEASES),
        ("pause", {}, "lease_s", LEASES),
        *((op, {}, "port", HOSTILE_PORTS) for op in ("cache-keys", "empty-cache")),
        *((op, {"port": 1}, "prefix", [1, ["a"], {}, "a" * 2000]) for op in ("cache-keys", "empty-cache")),
        ("ping", {"kind": "redis"}, "port", HOSTILE_PORTS),
        ("ping", {"port": 1}, "kind", ["oracle", BREAKOUT, None, 1]),
    ],
)
def test_no_helper_and_no_store_is_told_anything_else(
    monkeypatch: pytest.MonkeyPatch, op: str, valid: dict[str, object], name: str, values: list[object]
) -> None:
    """Nothing is started, and nobody is asked."""

    def started(*words: object, **_: object) -> None:
        raise AssertionError(words)

    monkeypatch.setattr("subprocess.Popen", started)
    monkeypatch.setattr("asyncio.open_connection", started)

    async def tried() -> None:
        callers = Callers(spared=())
        answers = process.Processes(callers)
        for value in values:
            with pytest.raises((ValueError, TypeError)):
                await answers.answer({"op": op, **valid, name: value})
        callers.end()

    asyncio.run(tried())


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_what_is_no_number_is_no_request(number: str) -> None:
    """JSON has no word for it, though Python's reader takes some."""

    async def told() -> bytes:
        async def answer(_: Request) -> Request:
            return {}

        verifier = Verifier("an-agent", RUN.public)
        server = await Control(verifier, answer).listen(0)
        async with server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])
            body = f'{{"op": "delay", "delay_s": {number}}}'.encode()
            proof = RUN.prove("an-agent", verifier.boot, "/", body)
            writer.write(
                f"POST / HTTP/1.1\r\n{PROOF_HEADER}: {proof}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
            )
            text = await reader.read()
            writer.close()
            return text

    said = asyncio.run(told())
    assert said.startswith(b"HTTP/1.1 400 ")
    assert "number" in json.loads(said.rpartition(b"\n")[2])["error"]
