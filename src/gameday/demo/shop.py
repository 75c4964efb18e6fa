"""The handlers of web's routes."""

from __future__ import annotations

import asyncio
import hmac
import json
import secrets
from dataclasses import dataclass, replace

from aiohttp import web

from gameday.demo.catalogue import Catalogue
from gameday.demo.database import Database
from gameday.demo.guard import DependencyError, RefusedError, TimedOutError
from gameday.demo.instruments import RequestInstruments
from gameday.demo.outbound import Remote
from gameday.demo.resize import resize
from gameday.demo.schema import ACCOUNT_QUERY, PURCHASE_QUERY, digest
from gameday.demo.service import Context, Handler
from gameday.demo.toggles import Switches

TOTAL_S = 0.95  # what any request may take while deadlines are on: an answer must arrive within the user's second
_HASH_S = 0.005  # what checking a password costs, emulated
_BESTSELLERS = (1, 2, 3, 4)


class BadRequestError(Exception):
    """The request makes no sense; the text says what would."""


@dataclass(frozen=True, slots=True)
class Shop:
    """What the handlers work with."""

    catalogue: Catalogue
    database: Database
    recommendations: Remote
    payments: Remote
    images: Remote
    switches: Switches

    async def product(self, request: web.Request, context: Context) -> web.Response:
        """Serve ``GET /product/{id}``."""
        found = await self.catalogue.product(int(request.match_info["id"]), context.deadline_s)
        headers = {"X-Origin-Queries": str(found.queries), "X-Cache": found.source}
        if not found.body:
            return web.json_response({"error": "no such product"}, status=404, headers=headers)
        return web.Response(body=found.body, content_type="application/json", headers=headers)

    async def login(self, request: web.Request, context: Context) -> web.Response:
        """Serve ``POST /login`` with ``{"user": ..., "password": ...}``."""
        body = await _body(request)
        user, password = body.get("user"), body.get("password")
        if not isinstance(user, str) or not isinstance(password, str):
            raise BadRequestError('a body such as {"user": "alice", "password": "..."}')
        rows = await self.database.fetch(
            ACCOUNT_QUERY, user, compartment="identity", deadline_s=context.deadline_s, repeatable=True
        )
        await asyncio.sleep(_HASH_S)
        if not rows or not hmac.compare_digest(rows[0]["digest"], digest(password)):
            return web.json_response({"error": "wrong user or password"}, status=401)
        return web.json_response({"session": secrets.token_hex(16)})

    async def checkout(self, request: web.Request, context: Context) -> web.Response:
        """Serve ``POST /checkout`` with ``{"product": ..., "quantity": ...}``: pay, then place the order."""
        body = await _body(request)
        product, quantity = body.get("product"), body.get("quantity")
        if not isinstance(product, int) or not isinstance(quantity, int) or quantity < 1:
            raise BadRequestError('a body such as {"product": 7, "quantity": 1}')
        payment = json.loads(await self.payments.ask("POST", "/payments", context))["payment"]
        rows = await self.database.fetch(
            PURCHASE_QUERY, product, quantity, payment, compartment="orders", deadline_s=context.deadline_s
        )
        return web.json_response({"order": rows[0]["id"]})

    async def recommend(self, request: web.Request, context: Context) -> web.Response:
        """Serve ``GET /recommendations/{id}``; with the breaker's fallback when the service does not answer."""
        try:
            body = await self.recommendations.ask("GET", f"/recommendations/{int(request.match_info['id'])}", context)
        except DependencyError:
            if not self.switches.current.breaker:
                raise
            answer = {"recommendations": _BESTSELLERS}
            return web.json_response(answer, headers={"X-Degraded": "fallback"})
        return web.Response(body=body, content_type="application/json")

    async def image(self, request: web.Request, context: Context) -> web.Response:
        """Serve ``GET /image/{id}``: made by the image service, or right here, where everything else waits meanwhile."""
        product = int(request.match_info["id"])
        if not self.switches.current.own_image_process:
            return web.json_response(resize(product))
        body = await self.images.ask("GET", f"/images/{product}", context)
        return web.Response(body=body, content_type="application/json")


def careful(handler: Handler, switches: Switches, instruments: RequestInstruments) -> Handler:
    """Give a handler its deadline, and turn what its dependencies did into answers: 503 refused, 504 too slow, 502 failed."""

    async def answer(request: web.Request, context: Context) -> web.Response:
        try:
            return await handler(request, _with_deadline(context, switches))
        except BadRequestError as error:
            return web.json_response({"error": "bad request", "valid": str(error)}, status=400)
        except RefusedError as error:
            reason = f"{error.dependency}-{error.reason}"
            instruments.reject(context.route, reason)
            headers = {"Retry-After": "1", "X-Reject-Reason": reason}
            return web.json_response({"error": "busy", "reason": reason}, status=503, headers=headers)
        except TimedOutError as error:
            return web.json_response({"error": "too slow", "dependency": error.dependency}, status=504)
        except DependencyError as error:
            return web.json_response({"error": "failed", "dependency": error.dependency}, status=502)

    return answer


def _with_deadline(context: Context, switches: Switches) -> Context:
    if not switches.current.deadlines:
        return replace(context, deadline_s=None)
    own_s = asyncio.get_running_loop().time() + TOTAL_S
    return replace(context, deadline_s=own_s if context.deadline_s is None else min(own_s, context.deadline_s))


async def _body(request: web.Request) -> dict[str, object]:
    try:
        value = json.loads(await request.read())
    except ValueError:
        raise BadRequestError("a body of JSON") from None
    if not isinstance(value, dict):
        raise BadRequestError("a JSON object")
    return value
