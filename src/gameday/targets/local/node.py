"""
Own the shop's processes: the one process that starts, watches, restarts and ends them.

Run as ``python -m gameday.targets.local.node`` by ``LocalSystem``. The first line on standard input says how the shop is to run
(``spec``). On standard output come ``{"progress": ...}`` lines and at last ``{"ready": {"address": ...}}`` or ``{"failed": ...}``. When
standard input ends, or on SIGTERM, or when a client asks for it, everything is ended in order and the temporary folder removed. When
the node is killed, the kernel ends its children, and the next node removes the folder.

A line ``{"stay": FILE}`` on standard input lets it outlive its owner: it locks the file, says ``{"staying": true}``, and is tied to that
file from then on.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from gameday.agent.lifeline import die_with, live_on
from gameday.agent.resources import SHORTAGES, raise_open_files
from gameday.targets.local.answers import Answers
from gameday.targets.local.folder import Folder, sweep
from gameday.targets.local.plant import Plant, StartError
from gameday.targets.local.spec import Spec, read_spec
from gameday.targets.local.stay import Stay
from gameday.targets.local.wire import MOST_BYTES, Json, decode, encode
from gameday.targets.protocol import TargetError


async def serve_until(stop: asyncio.Event, spec: Spec) -> None:
    """Run the shop until told to stop; start-up is cut short too."""
    sweep()
    folder = Folder()
    try:
        plant = Plant(spec, folder.path)
        try:
            await _first(asyncio.create_task(_run(plant, spec, folder, stop)), stop)
        finally:
            await plant.stop()
    finally:
        folder.remove()


async def _first(running: asyncio.Task[None], stop: asyncio.Event) -> None:
    stopping = asyncio.create_task(_wait(stop))
    await asyncio.wait([running, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    running.cancel()
    await asyncio.wait([running])
    if not running.cancelled():
        running.result()


async def _wait(stop: asyncio.Event) -> None:
    await stop.wait()


async def _run(plant: Plant, spec: Spec, folder: Folder, stop: asyncio.Event) -> None:
    try:
        await plant.start(lambda text: _say({"progress": text}))
    except (StartError, TargetError) as error:
        process = error.process if isinstance(error, StartError) else "database"
        _say({"failed": {"process": process, "reason": str(error)}})
        return
    answers = Answers(plant, hot=spec.hot, stop=stop.set)
    control = folder.path / "control"
    control.mkdir(mode=0o700)
    address = control / "s"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _serve(answers, reader, writer)

    server = await asyncio.start_unix_server(serve, address, limit=MOST_BYTES)
    try:
        _say({"ready": {"address": str(address)}})
        await stop.wait()
    finally:
        server.close()  # without waiting for clients: one that hangs must not keep the node


async def _serve(answers: Answers, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while line := await reader.readline():
            try:
                request = decode(line)
            except (ValueError, TypeError) as error:
                writer.write(encode({"error": f"no request: {error}"}))
                continue
            writer.write(encode(await answers.answer(request)))
            await writer.drain()
    except ConnectionError:
        pass  # the client did not wait for its answer
    finally:
        writer.close()


def _say(message: dict[str, Json]) -> None:
    try:
        sys.stdout.buffer.write(encode(message))
        sys.stdout.flush()
    except BrokenPipeError:
        pass  # the supervisor is gone; the end of standard input says so too


def _stay(line: bytes) -> Stay | None:
    """Take leave of the owner, which waits for the answer; None when it asked for something else or the file cannot be locked."""
    try:
        stay = Stay(Path(str(decode(line)["stay"])))
    except (OSError, ValueError, TypeError, KeyError) as error:
        sys.stderr.write(f"cannot stay: {type(error).__name__} {error}\n")
        return None
    live_on()
    _say({"staying": True})
    return stay


async def _main(parent_pid: int) -> None:
    die_with(parent_pid, signal.SIGTERM)
    raise_open_files()
    loop = asyncio.get_running_loop()
    SHORTAGES.follow(loop)
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    if not (first := await lines.readline()):
        return
    spec = read_spec(first.decode())

    async def stop_at_end() -> None:
        stay = None
        while line := await lines.readline():
            stay = _stay(line) or stay
        if stay is not None:
            await stay.over()
        stop.set()

    watching = asyncio.ensure_future(stop_at_end())
    await serve_until(stop, spec)
    watching.cancel()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for the supervisor, which ends the node
    asyncio.run(_main(os.getppid()))
