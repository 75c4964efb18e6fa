"""What a pod's network namespace says about itself."""

from __future__ import annotations

import socket
import struct
from pathlib import Path

_DOCUMENTATION = ("192.0.2.1", 9)  # RFC 5737; nothing is sent


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


def present_gateway() -> str | None:
    """Return this namespace's gateway."""
    return gateway(Path("/proc/net/route").read_text(encoding="ascii"))


def own_address() -> str:
    """Return the address from which this pod speaks to others. Raises ``OSError`` without a route."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(_DOCUMENTATION)
        return str(probe.getsockname()[0])
