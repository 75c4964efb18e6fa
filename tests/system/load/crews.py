"""A crew of processes on this machine: the same programs as in the cluster's Jobs, without the cluster."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import socket
import subprocess
import sys
import time

from gameday.agent.proof import PASS, Commander, announced
from gameday.agent.wire import PROOF_HEADER

START_S = 30.0


class LocalCrew:
    """Master and workers as child processes; ``url`` of any service is the one place that was given."""

    def __init__(self, url: str) -> None:
        """Start nothing yet."""
        self._url, self._commander = url, Commander(secrets.token_bytes(32))
        self._passes: list[tuple[int, str]] = []
        self._ports = (_free(), _free())
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, workers: int, *, lasts_s: float) -> None:
        """Start them, and wait until the master answers."""
        assert lasts_s > 0
        self._run("master", GAMEDAY_WORKERS=str(workers))
        until_s = time.monotonic() + START_S
        while True:
            try:
                self.ask("members", b"", timeout_s=1.0)
            except OSError:
                assert time.monotonic() < until_s, "the master does not answer"
                time.sleep(0.05)
            else:
                break
        for worker in range(workers):
            process = self._run("worker", GAMEDAY_MASTER="127.0.0.1", JOB_COMPLETION_INDEX=str(worker))
            assert process.stdout
            known = announced(PASS, process.stdout.readline().decode())
            assert known
            self._passes.append((worker, known))

    def ask(self, path: str, body: bytes, *, timeout_s: float, commander: Commander | None = None) -> bytes:
        """Ask the master, as the API server would pass it on."""
        if path == "members" and self._passes:
            self.ask("admit", json.dumps(self._passes).encode(), timeout_s=timeout_s)
        status, data, boot = (commander or self._commander).command(
            "crew", f"/{path}", body, lambda proof: self._send(path, body, proof, timeout_s)
        )
        if status != 200 or not boot:
            raise RuntimeError(f"{status}: {data.decode()}")
        return data

    def _send(self, path: str, body: bytes, proof: str, timeout_s: float) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self._ports[1], timeout=timeout_s)
        try:
            connection.request("POST", f"/{path}", body, {PROOF_HEADER: proof})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    @property
    def control(self) -> tuple[str, int]:
        """Return where the master is asked."""
        return "127.0.0.1", self._ports[1]

    def url(self, service: str) -> str:
        """Return the one place."""
        del service
        return self._url

    def stuck(self) -> str:
        """Find nothing: processes start or fail at once."""
        return ""

    def stop(self) -> None:
        """Kill what still runs."""
        for process in self.processes:
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()

    def _run(self, part: str, **env: str) -> subprocess.Popen[bytes]:
        locust, control = self._ports
        ports = {"GAMEDAY_LOCUST_PORT": str(locust), "GAMEDAY_CONTROL_PORT": str(control)}
        trusts = {"GAMEDAY_KEY": self._commander.public, "GAMEDAY_AGENT": "crew"} if part == "master" else {}
        process = subprocess.Popen(
            (sys.executable, "-P", "-m", "gameday.load.child.pod", part),
            env={**os.environ, **ports, **trusts, **env},
            stdout=subprocess.PIPE,
        )
        self.processes.append(process)
        return process


def _free() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
