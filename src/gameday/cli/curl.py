"""Commands that ask a route once, to be pasted into a shell."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator

from gameday.experiment.model import System
from gameday.experiment.parts import Route

_SECRET = re.compile(r"\$\{([^}]*)\}")
_FIRST_KEY = "1"


def curl(url: str, route: Route, system: System) -> str:
    """Write a command that asks a route once; a secret stands as the environment variable that holds it."""
    path = route.path.replace("{id}", _FIRST_KEY)
    words = ["curl"] + (["-X", route.method] if route.method != "GET" else [])
    for name, value in route.headers.items():
        words += ["-H", _quoted(f"{name}: {value}", system)]
    if route.body is not None:
        words += ["-H", "'Content-Type: application/json'", "-d", _quoted(json.dumps(route.body), system)]
    return " ".join([*words, shlex.quote(f"{url}{path}")])


def _quoted(text: str, system: System) -> str:
    """Quote for a shell, but for references to secrets."""
    return "".join(_parts(text, system)) or "''"


def _parts(text: str, system: System) -> Iterator[str]:
    for index, part in enumerate(_SECRET.split(text)):
        if index % 2:
            yield f'"${system.secrets[part].env}"' if part in system.secrets else shlex.quote(f"${{{part}}}")
        elif part:
            yield shlex.quote(part)
