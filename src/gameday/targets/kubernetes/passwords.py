"""The shop's passwords: random for each deployment, and nowhere but in the namespace's Secrets."""

from __future__ import annotations

import base64
import secrets

from gameday.demo.schema import statements
from gameday.targets.kubernetes.objects import Object

SECRET = "shop-passwords"  # noqa: S105 - the Secret's name
_SCHEMA = "shop-schema"


def fresh(namespace: str) -> Object:
    """Return a new Secret of passwords; ``folder`` is where the data goes that was made with them, so that others' is never met."""
    values = {name: secrets.token_hex(16) for name in ("owner", "web", "cache")}
    return _secret(SECRET, namespace, {**values, "folder": f"{namespace}-{secrets.token_hex(4)}"})


def folder(passwords: Object) -> str:
    """Return the name of the data's folder."""
    return _value(passwords, "folder")


def schema(passwords: Object) -> Object:
    """Return the Secret with what an empty database is given; it holds the password of web's role."""
    # The passwords are random: stretching them would only make connecting slow.
    lines = ("SET scram_iterations = 1", *statements(_value(passwords, "web")))
    return _secret(_SCHEMA, passwords["metadata"]["namespace"], {"schema.sql": "".join(f"{line};\n" for line in lines)})


def _secret(name: str, namespace: str, values: dict[str, str]) -> Object:
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace}, "data": data}


def _value(secret: Object, key: str) -> str:
    return base64.b64decode(secret["data"][key]).decode()
