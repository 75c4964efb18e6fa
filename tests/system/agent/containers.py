"""A container as the kernel sees it: namespaces of processes and network of their own, and nobody in it with a capability."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gameday.agent.proof import Commander
from gameday.agent.wire import PORTS, PROOF_HEADER
from system.agent.pods import PATIENCE_S, RUN, TRUSTS, commanded, inside
from system.target.running import wait_until

_POWERLESS = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
_WORK = """
import os, sys, threading, time

def count(name):
    with open(sys.argv[1] + name, "wb", buffering=0) as file:
        while True:
            file.write(b".")
            time.sleep(0.005)

threading.Thread(target=count, args=("thread",), daemon=True).start()
count("child" if os.fork() == 0 else "first")
"""


@dataclass
class Container:
    """A container whose first process, a thread of that and a child of it each do one step after another; beside them an agent."""

    first: int
    steps: Path
    agent: subprocess.Popen[bytes]

    def done(self) -> list[int]:
        """Count the steps of each."""
        return [
            self.steps.with_name(self.steps.name + name).stat().st_size
            for name in ("thread", "child", "first")
            if self.steps.with_name(self.steps.name + name).exists()
        ]

    def ask(self, op: str, **parameters: object) -> dict[str, object]:
        """Send a request that must succeed and return its answer."""
        status, answer = self.post({"op": op, **parameters})
        assert status == 200, answer
        return answer

    def post(self, request: object, *, by: Commander = RUN) -> tuple[int, dict[str, object]]:
        """Send any request and return status and answer."""
        body = json.dumps(request).encode()

        def send(proof: str) -> tuple[int, bytes]:
            connection = http.client.HTTPConnection("127.0.0.1", PORTS["process"], timeout=PATIENCE_S)
            with inside(str(self.first)), contextlib.closing(connection):
                connection.request("POST", "/", body, {PROOF_HEADER: proof})
                response = connection.getresponse()
                return response.status, response.read()

        return commanded(by, body, send)

    def answers(self) -> bool:
        """Tell whether the agent is there."""
        try:
            return "uid" in self.ask("hello")
        except ConnectionError:
            return False

    def inner(self, module: str) -> list[int]:
        """Return the processes of the agent, by this machine's numbers, that run a module."""
        found = []
        for folder in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if (
                    folder.name.isdigit()
                    and Path(folder, "ns/pid").readlink() == Path(f"/proc/{self.first}/ns/pid").readlink()
                ):
                    words = Path(folder, "cmdline").read_bytes().split(b"\0")
                    found += [int(folder.name)] if module.encode() in words else []
        return found


@contextlib.contextmanager
def new_container(folder: Path, *, as_user: tuple[int, int] = (0, 0), **environment: str) -> Iterator[Container]:
    """Run a container as a user and a group, and end everything in it by ending its first process."""
    user, group = as_user
    os.chown(folder, user, group)
    become = (*_POWERLESS, f"--reuid={user}", f"--regid={group}", "--clear-groups")
    steps = folder / "steps-of-"
    runtime = subprocess.Popen(
        ["unshare", "--net", "--pid", "--fork", "--mount-proc", *become, sys.executable, "-c", _WORK, str(steps)]  # noqa: S607 - found as the user finds it
    )
    try:
        first = wait_until(lambda: _children(runtime.pid), what="the container")[0]
        subprocess.run(["nsenter", "-t", str(first), "-n", "ip", "link", "set", "lo", "up"], check=True)  # noqa: S607 - same
        agent = subprocess.Popen(
            [  # noqa: S607 - same
                "nsenter",
                "-t",
                str(first),
                "-n",
                "-p",
                "-m",
                *_POWERLESS,
                sys.executable,
                "-m",
                "gameday.agent.pod",
                "process",
            ],
            env={**os.environ, **TRUSTS, **environment},
        )
        container = Container(first, steps, agent)
        wait_until(container.answers, what="the agent")
        wait_until(lambda: len(container.done()) == 3, what="the first steps")
        yield container
    finally:
        with contextlib.suppress(ProcessLookupError, UnboundLocalError):
            os.kill(first, signal.SIGKILL)
        runtime.wait(PATIENCE_S)
        with contextlib.suppress(UnboundLocalError):
            agent.wait(PATIENCE_S)


def _children(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [int(child) for child in children]
