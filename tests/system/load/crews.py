"""A crew of processes on this machine: the same programs as in the cluster's Jobs, without the cluster."""

from __future__ import annotations

import http.client
import os
import secrets
import socket
import subprocess
import sys
import time

from gameday.agent.wire import TOKEN_HEADER

START_S = 30.0


class LocalCrew:
    """Master and workers as child processes; ``url`` of any service is the one place that was given."""

    def __init__(self, url: str) -> None:
        """Start nothing yet."""
        self._url, self._token = url, secrets.token_hex(16)
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
            self._run("worker", GAMEDAY_MASTER="127.0.0.1", JOB_COMPLETION_INDEX=str(worker))

    def ask(self, path: str, body: bytes, *, timeout_s: float, token: str | None = None) -> bytes:
        """Ask the master, as the API server would pass it on."""
        connection = http.client.HTTPConnection("127.0.0.1", self._ports[1], timeout=timeout_s)
        try:
            connection.request("POST", f"/{path}", body, {TOKEN_HEADER: token or self._token})
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise RuntimeError(f"{answer.status}: {data.decode()}")
        return data

    def url(self, service: str) -> str:
        """Return the one place."""
        del service
        return self._url

    def stop(self) -> None:
        """Kill what still runs."""
        for process in self.processes:
            process.kill()
            process.wait()

    def _run(self, part: str, **env: str) -> None:
        locust, control = self._ports
        more = {"GAMEDAY_TOKEN": self._token, "GAMEDAY_LOCUST_PORT": str(locust), "GAMEDAY_CONTROL_PORT": str(control)}
        self.processes.append(
            subprocess.Popen(
                (sys.executable, "-P", "-m", "gameday.load.child.pod", part), env={**os.environ, **more, **env}
            )
        )


def _free() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
