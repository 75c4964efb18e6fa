"""The commands that ``gameday up`` prints can be pasted into a shell."""

from __future__ import annotations

import subprocess

import pytest

from gameday.cli.curl import curl
from gameday.experiment.parts import Route, Secret
from samples import shop

SHELL = "curl() { printf '%s\\n' \"$@\"; }\n"


def words(line: str, **environment: str) -> list[str]:
    """Let a real shell read a line, with a ``curl`` that says what it was given."""
    ended = subprocess.run(
        ["/bin/sh", "-c", SHELL + line], env=environment, capture_output=True, text=True, timeout=30, check=True
    )
    return ended.stdout.splitlines()


def test_a_get_is_the_url_alone() -> None:
    """With a key in place of {id}."""
    line = curl("http://127.0.0.1:1", shop().routes["product"], shop())
    assert words(line) == ["http://127.0.0.1:1/product/1"]


def test_a_body_is_sent_as_json() -> None:
    """As the load process sends it."""
    route = Route.model_validate({"request": "POST /say?a=b&c", "body": {"text": 'it\'s "$HOME"'}, "hard": ["web"]})
    assert words(curl("http://h", route, shop())) == [
        "-X",
        "POST",
        "-H",
        "Content-Type: application/json",
        "-d",
        '{"text": "it\'s \\"$HOME\\""}',
        "http://h/say?a=b&c",
    ]


@pytest.mark.parametrize("value", ["plain", "with 'quotes' and $(date) inside"])
def test_a_secret_stands_as_the_variable_that_holds_it(value: str) -> None:
    """It is not printed, and the shell fills it in."""
    system = shop().model_copy(update={"secrets": {"token": Secret(env="SHOP_TOKEN")}})
    route = Route.model_validate(
        {"request": "GET /", "headers": {"Authorization": "Bearer ${token}; it's ${other}"}, "hard": ["web"]}
    )
    line = curl("http://h", route, system)
    assert value not in line
    assert words(line, SHOP_TOKEN=value)[1] == f"Authorization: Bearer {value}; it's ${{other}}"
