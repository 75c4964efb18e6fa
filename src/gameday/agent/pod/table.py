"""
Lead connections to the proxy by rules that the kernel itself ends: each address is an element of a set, with a timeout.

One table, ``inet gameday``, in the network namespace of the pod. Sets and chains are written in one transaction, so that no connection sees
half of them. IPv4 only: IPv6 connections pass as if there were no agent.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

PROXY_PORT = 15001
PROXY_MARK = 0x6D
"""On the proxy's own sockets: they are not led back to it."""

CANARY_MARK = 0x6E
"""On a canary's socket: it goes through the proxy as a caller from outside the pod would."""

TTL_S = 5.0
"""How long the kernel leads connections to the proxy after the last renewal."""

_NFT_S = 3.0  # a transaction takes milliseconds
_REMOVE = "add table inet gameday\ndelete table inet gameday\n"  # no error where there is none


class TableError(Exception):
    """The kernel refused a transaction; the text is nft's."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is led to the proxy: connections to ``port`` of the pod, or those from it to ``port`` of any of ``hosts``."""

    port: int
    hosts: tuple[str, ...] | None = None


def layout(entries: Sequence[Entry], *, spared: str | None) -> str:
    """
    Write the whole table: chains, counters, elements. Counters that are there keep their values.

    Args:
        entries: What is led to the proxy.
        spared: Where the kubelet's probes come from; they are let through and counted.
    """
    ports = [entry.port for entry in entries if entry.hosts is None]
    lines = [
        "add table inet gameday",
        "add set inet gameday in { type inet_service; flags timeout; }",
        "add set inet gameday out { type ipv4_addr . inet_service; flags timeout; }",
        *(f"add counter inet gameday spared_{port}" for port in ports),
        "add chain inet gameday prerouting { type nat hook prerouting priority -100; }",
        "add chain inet gameday output { type nat hook output priority -100; }",
        "flush chain inet gameday prerouting",
        "flush chain inet gameday output",
    ]
    coming = [
        'iifname "lo" return',
        "meta nfproto != ipv4 return",
        *(f"ip saddr {spared} tcp dport {port} counter name spared_{port} return" for port in ports if spared),
        f"tcp dport @in redirect to :{PROXY_PORT}",
    ]
    going = [
        f"meta mark {PROXY_MARK:#x} return",
        f"meta mark {CANARY_MARK:#x} tcp dport @in redirect to :{PROXY_PORT}",
        f"ip daddr . tcp dport @out redirect to :{PROXY_PORT}",
    ]
    lines += [f"add rule inet gameday prerouting {rule}" for rule in coming]
    lines += [f"add rule inet gameday output {rule}" for rule in going]
    return "\n".join(lines) + "\n" + elements(entries)


def elements(entries: Sequence[Entry]) -> str:
    """Write what renews every entry, and ends those that are not given."""
    lines = ["flush set inet gameday in", "flush set inet gameday out"]
    for name, keys in (("in", _ports(entries)), ("out", _addresses(entries))):
        if keys:
            timed = ", ".join(f"{key} timeout {TTL_S:g}s" for key in keys)
            lines.append(f"add element inet gameday {name} {{ {timed} }}")
    return "\n".join(lines) + "\n"


def _ports(entries: Sequence[Entry]) -> list[str]:
    return sorted({str(entry.port) for entry in entries if entry.hosts is None})


def _addresses(entries: Sequence[Entry]) -> list[str]:
    return sorted({f"{host} . {entry.port}" for entry in entries for host in entry.hosts or ()})


class Table:
    """The table of this network namespace; whoever changes it lets one transaction follow the other."""

    def __init__(self, *, spared: str | None) -> None:
        """Write nothing yet."""
        self._spared = spared
        self.is_there = False

    async def lay(self, entries: Sequence[Entry]) -> None:
        """Write the table so that it leads these to the proxy; a first one replaces what an earlier agent left. Raises ``TableError``."""
        first = "" if self.is_there else _REMOVE
        await self._run(first + layout(entries, spared=self._spared), "-f", "-")
        self.is_there = True

    async def renew(self, entries: Sequence[Entry]) -> None:
        """Lead these, and nothing else, to the proxy for another ``TTL_S``. Raises ``TableError``; then it may not be there any more."""
        try:
            await self._run(elements(entries), "-f", "-")
        except TableError:
            self.is_there = False
            raise

    async def remove(self) -> None:
        """Remove the table; idempotent. Raises ``TableError``."""
        await self._run(_REMOVE, "-f", "-")
        self.is_there = False

    async def spared(self, port: int) -> int:
        """Count the connections of the kubelet to a port that were let through since the table was first written."""
        if not self.is_there:
            return 0
        try:
            said = await self._run("", "-j", "list", "counter", "inet", "gameday", f"spared_{port}")
        except TableError:
            return 0
        found = [item["counter"]["packets"] for item in json.loads(said)["nftables"] if "counter" in item]
        return int(found[0]) if found else 0

    async def _run(self, text: str, *arguments: str) -> str:
        process = await asyncio.create_subprocess_exec(
            "nft",
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(_NFT_S):
                out, err = await process.communicate(text.encode())
        except TimeoutError:
            process.kill()
            await process.wait()
            raise TableError(f"nft did not end within {_NFT_S:g} s") from None
        if process.returncode != 0:
            raise TableError(f"nft: {err.decode(errors='replace').strip() or f'exit {process.returncode}'}")
        return out.decode()


def remove_at_once() -> None:
    """Remove the table, waiting for it; where there is none, or no nft, that is all right."""
    with suppress(OSError, subprocess.SubprocessError):
        subprocess.run(["nft", "-f", "-"], input=_REMOVE.encode(), capture_output=True, check=False, timeout=_NFT_S)  # noqa: S607 - the image's own
