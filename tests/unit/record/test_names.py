"""Names of requests that stand for no route are kept beside the rows."""

from __future__ import annotations

from pathlib import Path

from gameday.record.names import NamesWriter, read_names


def test_names_are_read_back_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    """Whatever is in them; without one there is no file."""
    writer = NamesWriter(tmp_path, worker=0)
    assert read_names(tmp_path) == {}
    assert not list(tmp_path.iterdir())
    writer.add(6, 'GET /a "strange"\nname')
    writer.add(5, "POST /straße")
    assert list(read_names(tmp_path).items()) == [(6, 'GET /a "strange"\nname'), (5, "POST /straße")]


def test_a_torn_last_line_is_no_name(tmp_path: Path) -> None:
    """A killed process leaves at most that."""
    NamesWriter(tmp_path, worker=0).add(5, "GET /basket")
    path = tmp_path / "requests.0.names"
    path.write_bytes(path.read_bytes() + b'{"route": 6, "na')
    assert read_names(tmp_path) == {5: "GET /basket"}
