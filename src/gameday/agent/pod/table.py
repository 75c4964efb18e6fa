"""
Lead connections to the proxy by rules that the kernel itself ends: each address is an element of a set, with a timeout.

One table, ``inet gameday``, in the network namespace of the pod. Sets and chains are written in one transaction, so that no connection sees
half of them.

A service mesh redirects in the same namespace, at the priority -100. A connection that it has redirected is left to it: ours come later, and the
kernel translates a connection once. So what is led here is what the mesh's own proxy opens. The chain ``proxied`` comes before the mesh's, and gives
what our proxy opens the translation to where it goes already: the mesh does not take it in, and nothing passes a proxy twice.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from gameday.agent.edge import Address
from gameday.agent.pod.control import port

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
    """
    What is led to the proxy: connections that come in at any of ``ports``, or go out to any of ``destinations``.

    All of it is numbers, in the kernel's spelling: none can be anything else to nft. Raises ``ValueError`` for what
    is none.
    """

    ports: tuple[int, ...] = ()
    destinations: tuple[Address, ...] = ()

    def __post_init__(self) -> None:
        """Check every part."""
        for number in (*self.ports, *(number for _, number in self.destinations)):
            port(number)
        for host, _ in self.destinations:
            if numeric(host) != host:
                raise ValueError(f"address {host!r}; valid: {numeric(host)}, as the kernel writes it")


def numeric(value: object) -> str:
    """
    Return an IP address in the kernel's spelling.

    Raises:
        ValueError: It is no text, a name, has a zone (``%eth0``), which could hold anything, or is an IPv4 address
            within an IPv6 one, by which no connection is known.
    """
    if not isinstance(value, str) or "%" in value:
        raise ValueError(f"address {value!r}; valid: an IPv4 or IPv6 address without a zone")
    address = ipaddress.ip_address(value)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        raise ValueError(f"address {value!r}; valid: {address.ipv4_mapped}")
    return str(address)


def layout(entries: Sequence[Entry], *, proxy_port: int, spared: Sequence[str]) -> str:
    """
    Write the whole table: chains, counters, elements. Counters that are there keep their values.

    Args:
        entries: What is led to the proxy.
        proxy_port: Where that listens, over IPv4 and IPv6.
        spared: Where the kubelet's probes come from; they are let through and counted.
    """
    proxy_port, spared = port(proxy_port), tuple(map(numeric, spared))
    ports = sorted({each for entry in entries for each in entry.ports}, key=str)
    lines = [
        "add table inet gameday",
        "add set inet gameday in { type inet_service; flags timeout; }",
        "add set inet gameday out { type ipv4_addr . inet_service; flags timeout; }",
        "add set inet gameday out6 { type ipv6_addr . inet_service; flags timeout; }",
        *(f"add counter inet gameday spared_{each}" for each in ports),
        "add chain inet gameday proxied { type nat hook output priority -110; }",
        "add chain inet gameday prerouting { type nat hook prerouting priority -90; }",
        "add chain inet gameday output { type nat hook output priority -90; }",
    ]
    rules = {
        "proxied": [
            f"meta mark {PROXY_MARK:#x} meta nfproto ipv4 dnat ip to ip daddr",
            f"meta mark {PROXY_MARK:#x} meta nfproto ipv6 dnat ip6 to ip6 daddr",
        ],
        "prerouting": [
            'iifname "lo" return',
            *(
                f"{'ip6' if ':' in host else 'ip'} saddr {host} tcp dport {each} counter name spared_{each} return"
                for each in ports
                for host in spared
            ),
            f"tcp dport @in redirect to :{proxy_port}",
        ],
        "output": [
            f"meta mark {PROXY_MARK:#x} return",
            f"meta mark {CANARY_MARK:#x} tcp dport @in redirect to :{proxy_port}",
            f"ip daddr . tcp dport @out redirect to :{proxy_port}",
            f"ip6 daddr . tcp dport @out6 redirect to :{proxy_port}",
        ],
    }
    lines += [f"flush chain inet gameday {chain}" for chain in rules]
    lines += [f"add rule inet gameday {chain} {rule}" for chain in rules for rule in rules[chain]]
    return "\n".join(lines) + "\n" + elements(entries)


def elements(entries: Sequence[Entry]) -> str:
    """Write what renews every entry, and ends those that are not given."""
    sets = {"in": _ports(entries), "out": _addresses(entries, ipv6=False), "out6": _addresses(entries, ipv6=True)}
    lines = [f"flush set inet gameday {name}" for name in sets]
    for name, keys in sets.items():
        if keys:
            timed = ", ".join(f"{key} timeout {TTL_S:g}s" for key in keys)
            lines.append(f"add element inet gameday {name} {{ {timed} }}")
    return "\n".join(lines) + "\n"


def _ports(entries: Sequence[Entry]) -> list[str]:
    return sorted({str(each) for entry in entries for each in entry.ports})


def _addresses(entries: Sequence[Entry], *, ipv6: bool) -> list[str]:
    found = {address for entry in entries for address in entry.destinations}
    return sorted(f"{host} . {number}" for host, number in found if (":" in host) == ipv6)


class Table:
    """The table of this network namespace; whoever changes it lets one transaction follow the other."""

    def __init__(self, *, proxy_port: int, spared: Sequence[str]) -> None:
        """Write nothing yet."""
        self.proxy_port = proxy_port
        self._spared = spared
        self.is_there = False

    async def lay(self, entries: Sequence[Entry]) -> None:
        """Write the table so that it leads these to the proxy; a first one replaces what an earlier agent left. Raises ``TableError``."""
        first = "" if self.is_there else _REMOVE
        await self._run(first + layout(entries, proxy_port=self.proxy_port, spared=self._spared), "-f", "-")
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

    async def spared(self, at: int) -> int:
        """Count the connections of the kubelet to a port that were let through since the table was first written."""
        if not self.is_there:
            return 0
        try:
            said = await self._run("", "-j", "list", "counter", "inet", "gameday", f"spared_{port(at)}")
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
