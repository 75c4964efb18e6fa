"""The shop's passwords are random, and stand in Secrets only."""

from __future__ import annotations

import base64

from gameday.targets.kubernetes import passwords
from gameday.targets.kubernetes.objects import Object


def told(secret: Object) -> dict[str, str]:
    """Return what a Secret holds, in clear."""
    return {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}


def test_each_deployment_has_passwords_of_its_own() -> None:
    """None is another's, within one deployment or between two."""
    one, other = (told(passwords.fresh("shop")) for _ in range(2))
    every = [each[name] for each in (one, other) for name in ("owner", "web", "cache")]
    assert len(set(every)) == 6
    assert min(map(len, every)) >= 32


def test_the_folder_is_another_one_for_each_deployment() -> None:
    """Data that was made with other passwords would refuse these."""
    one, other = (passwords.fresh("shop") for _ in range(2))
    assert passwords.folder(one) != passwords.folder(other)
    assert passwords.folder(one).startswith("shop-")
    assert passwords.folder(one) == told(one)["folder"]


def test_both_secrets_lie_in_the_namespace() -> None:
    """Under names that do not depend on it."""
    secret = passwords.fresh("mine")
    schema = passwords.schema(secret)
    assert {each["metadata"]["namespace"] for each in (secret, schema)} == {"mine"}
    assert secret["metadata"]["name"] == passwords.SECRET != schema["metadata"]["name"]
    assert {each["kind"] for each in (secret, schema)} == {"Secret"}


def test_the_schema_gives_webs_role_its_password_and_holds_no_other() -> None:
    """It begins with what keeps connecting quick, and ends with its last statement's end."""
    secret = passwords.fresh("shop")
    known = told(secret)
    sql = told(passwords.schema(secret))["schema.sql"]
    assert known["web"] in sql
    assert known["owner"] not in sql
    assert known["cache"] not in sql
    assert sql.startswith("SET scram_iterations = 1;\n")
    assert sql.endswith(";\n")
