"""
A sidecar proxy, as a service mesh has it: it relays each connection to where that was going, and rules in the pod lead every connection to it.

Run as ``python mesh.py PORT [handshake]``: that process is the sidecar, and says something of its own before the caller's. ``RULES`` are those that Istio's init container writes, reduced to what they do to TCP.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys

OUTBOUND, INBOUND, UID = 15001, 15006, 1337
OUTGOING = f"""
table ip mesh {{
  chain output {{
    type nat hook output priority -100;
    meta skuid {UID} return
    oifname "lo" return
    ip protocol tcp redirect to :{OUTBOUND}
  }}
}}
"""
RULES = f"""{OUTGOING}
table ip mesh {{
  chain prerouting {{
    type nat hook prerouting priority -100;
    tcp dport {{ 28021, 28022 }} return
    ip protocol tcp redirect to :{INBOUND}
  }}
}}
"""


async def _relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    found = writer.get_extra_info("socket").getsockopt(socket.SOL_IP, 80, 16)  # SO_ORIGINAL_DST
    port, host = struct.unpack("!2xH4s8x", found)
    try:
        there = await asyncio.open_connection(socket.inet_ntoa(host), port)
    except OSError:
        writer.transport.abort()
        return
    if "handshake" in sys.argv:
        there[1].write(b"hello")
        await there[0].readexactly(5)
    await asyncio.gather(_copy(reader, there[1]), _copy(there[0], writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()


async def _serve(port: int) -> None:
    async with await asyncio.start_server(_relay, "0.0.0.0", port) as server:  # noqa: S104 - inside of a pod
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
