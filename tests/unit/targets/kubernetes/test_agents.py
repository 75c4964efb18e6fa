"""What comes back through the API server, and what is said of it."""

from __future__ import annotations

import json

import pytest

from gameday.targets.kubernetes.agents import NoWayError, SilentError, StrangerError, read_answer
from gameday.targets.protocol import TargetError

OF = "the network agent in pod web-1"


def test_an_answer_is_read() -> None:
    """As the agent wrote it."""
    assert read_answer(200, b'{"left": true}', of=OF) == {"left": True}


@pytest.mark.parametrize("text", [b'{"kind": "Status", "message": "connection refused"}', b"", b"<html>"])
def test_what_the_api_server_says_itself_is_silence(text: bytes) -> None:
    """It reached nobody, or something else."""
    with pytest.raises(SilentError, match="web-1 cannot be reached"):
        read_answer(503, text, of=OF)


def test_another_agent_in_its_place_is_told_from_a_refusal() -> None:
    """It was there first, and answers nobody but those who have its own token."""
    said = b'{"error": "the header X-Gameday-Token is not this agent\'s token"}'
    with pytest.raises(StrangerError, match="in pod web-1: the header"):
        read_answer(403, said, of=OF)


def test_an_edge_without_a_way_is_told_from_other_refusals() -> None:
    """The first is mended by opening it."""
    no_way = {"error": "the way of 'web -> payments' is closed; send op open first"}
    with pytest.raises(NoWayError, match="is closed"):
        read_answer(409, json.dumps(no_way).encode(), of=OF)
    with pytest.raises(TargetError, match="asked for 9 cores") as refused:
        read_answer(409, b'{"error": "stress: asked for 9 cores"}', of=OF)
    assert not isinstance(refused.value, NoWayError)
