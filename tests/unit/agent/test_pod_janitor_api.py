"""What the API server answers the janitor: what is a refusal, and what may be otherwise a moment later."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import certifi
import pytest

from gameday.agent.pod.janitor import Ask, BusyError, RefusedError, asker, rehearse

PATH = "/apis/apps/v1/namespaces/shop/deployments/web"


@contextmanager
def serving(status: int, message: str, folder: Path) -> Iterator[Ask]:
    """Serve an API that answers what is read, and every change with a status and a message; yield what asks it."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._say(200, {"spec": {"replicas": 2}, "items": []})

        def do_PATCH(self) -> None:
            self._say(status, {"kind": "Status", "message": message, "code": status})

        def _say(self, code: int, value: object) -> None:
            text = json.dumps(value).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    (folder / "token").write_text("of-the-janitor", encoding="ascii")
    shutil.copy(certifi.where(), folder / "ca.crt")
    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield asker(folder, f"http://127.0.0.1:{server.server_port}")
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, "Unauthorized"),
        (403, 'deployments "web" is forbidden'),
        (400, 'admission webhook "owners" denied the request: not by a robot'),
        (422, "ValidatingAdmissionPolicy 'owners' denied request: not by a robot"),
    ],
)
def test_whoever_admits_changes_refuses_with_a_status_of_its_own(tmp_path: Path, status: int, message: str) -> None:
    """A right that lacks is 403; a policy says 422 unless it is told otherwise, and webhooks what they like."""
    with serving(status, message, tmp_path) as ask, pytest.raises(RefusedError, match=f": {status} {message}"):
        rehearse(ask, PATH, "shop")


@pytest.mark.parametrize("status", [409, 429, 500, 503])
def test_what_may_be_otherwise_a_moment_later_is_no_refusal(tmp_path: Path, status: int) -> None:
    """It is asked again."""
    with serving(status, "try again", tmp_path) as ask, pytest.raises(BusyError, match=f": {status} try again") as busy:
        rehearse(ask, PATH, "shop")
    assert not isinstance(busy.value, RefusedError)


def test_a_webhook_that_cannot_be_tried_has_refused_nothing(tmp_path: Path) -> None:
    """It may have effects beside its answer, so the API server does not ask it in a dry run."""
    with serving(400, 'admission webhook "owners" does not support dry run', tmp_path) as ask:
        rehearse(ask, PATH, "shop")
