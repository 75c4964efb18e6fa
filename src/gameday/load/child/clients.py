"""Look over the shoulder of Locust's two HTTP clients, and cure the one that hides closed connections."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import geventhttpclient.client
from locust.clients import HttpSession
from locust.contrib.fasthttp import FastHttpSession

from gameday.load.child.observer import Observer

_RESEND = "_may_retry_after_send_error"


def never_resend() -> None:
    """
    Keep ``FastHttpUser`` from sending an idempotent request again, up to eleven times, when the server closes before it answers.

    Else a crash shows no failure, and the load grows; ``max_retries`` does not turn it off.

    Raises:
        RuntimeError: This version of geventhttpclient decides it elsewhere, so that it cannot be kept from it.
    """
    if not hasattr(geventhttpclient.client, _RESEND):
        raise RuntimeError("geventhttpclient decides in an unknown place whether a request is sent again")
    setattr(geventhttpclient.client, _RESEND, lambda _method: False)


def watch(observer: Observer) -> None:
    """Tell an observer of every request that a client begins, and how the client is left."""
    for session in (HttpSession, FastHttpSession):
        session.request = _watched(session.request, observer)


def _watched(request: Callable[..., object], observer: Observer) -> Callable[..., object]:
    @functools.wraps(request)
    def watched(self: Any, method: str | bytes, url: str | bytes, *args: object, **more: object) -> object:  # noqa: ANN401
        named = args[0] if args else more.get("name")
        opened = observer.sent(_text(method), str(named or self.request_name or _path(_text(url))), self.user)
        try:
            response = request(self, method, url, *args, **more)
        except BaseException as error:
            observer.broke(opened, error)
            raise
        observer.answered(opened, response)
        return response

    return watched


def _text(value: str | bytes) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _path(url: str) -> str:
    """Return the name that a request without one gets, but for its query, which a client may still add to."""
    return urlsplit(url).path if "://" in url else url.partition("?")[0]
