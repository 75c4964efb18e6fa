"""What a pod's network namespace says about itself."""

from __future__ import annotations

import errno
import socket
import struct
from contextlib import suppress
from pathlib import Path

_DOCUMENTATION = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}  # RFC 5737, RFC 3849; nothing is sent


def gateway(routes: str) -> str | None:
    """
    Return the default route's gateway, from the text of ``/proc/net/route``; None without one.

    On a node it is from this address that the kubelet's probes come: the node's own, on the network of its pods.
    """
    for line in routes.splitlines()[1:]:
        _, destination, through, flags, *_ = line.split()
        if int(destination, 16) == 0 and int(flags, 16) & 0x2:  # RTF_GATEWAY
            return socket.inet_ntoa(struct.pack("=I", int(through, 16)))
    return None


def gateway6(routes: str) -> str | None:
    """Return the same over IPv6, from the text of ``/proc/net/ipv6_route``."""
    for line in routes.splitlines():
        destination, length, _, _, through, _, _, _, flags, _ = line.split()
        if int(destination, 16) == int(length, 16) == 0 and int(flags, 16) & 0x2:  # RTF_GATEWAY
            return socket.inet_ntop(socket.AF_INET6, bytes.fromhex(through))
    return None


def present_gateways() -> tuple[str, ...]:
    """Return this namespace's gateways, at most one for each version of IP."""
    found = [gateway(Path("/proc/net/route").read_text(encoding="ascii"))]
    if (routes := Path("/proc/net/ipv6_route")).exists():
        found.append(gateway6(routes.read_text(encoding="ascii")))
    return tuple(filter(None, found))


def listener(port: int) -> socket.socket:
    """Listen at every address that this pod has, over both versions of IP where there are both. Raises ``OSError``."""
    if socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", port))


def own_address() -> str:
    """Return the address from which this pod speaks to others: over IPv4 where it can. Raises ``OSError`` without a route."""
    for family, host in _DOCUMENTATION.items():
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((host, 9))
            return str(probe.getsockname()[0])
    raise OSError(errno.ENETUNREACH, "the pod has no default route")
