"""Whatever text a file holds, loading gives an experiment or says what is wrong; it never breaks."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from gameday.experiment.loading.finding import shipped
from gameday.experiment.loading.load import Loaded, load_experiment
from gameday.experiment.loading.problems import InvalidFileError
from gameday.experiment.plan import plan
from gameday.faults import catalogue

FILES = {path.name: path.read_text(encoding="utf-8") for path in sorted(shipped().glob("*.yaml"))}
SYSTEM = (shipped() / "systems" / "shop.yaml").read_text(encoding="utf-8")
MOST_ARRIVALS = 20_000
"""Larger runs are loaded, but not planned, to keep the test quick."""

VALUES = (
    *(
        "",
        "~",
        "null",
        "yes",
        "no",
        "[]",
        "{}",
        "''",
        "0",
        "-1",
        "1e9",
        ".inf",
        "-.nan",
        "9" * 400,
        "0x1f",
        "1:30",
        "2026-11-20",
    ),
    *(
        "0s",
        "6s",
        "1h",
        "999999999h",
        "1us",
        "0/s",
        "1/m",
        "999999999/s",
        "0%",
        "100%",
        "101%",
        '"< 0%"',
        '"> 100%"',
        '"< 1ms"',
    ),
    *(
        "web",
        "pulse",
        "cache",
        "shop",
        "none",
        "web -> cache",
        "a -> a",
        "zipf(0, 1)",
        "zipf(9.9, 100000)",
        "{id}",
        "${token}",
    ),
    *(
        "*a",
        "&a b",
        "!!int 3",
        "<<: {a: b}",
        "? [x]",
        "| \n x",
        "- none",
        "- latency: {service: web, delay: 1s}",
        '"\\0"',
        "\u2028",
        "\ufeff",
    ),
)


@st.composite
def spoilt(draw: st.DrawFn, text: str) -> str:
    """Delete, double or swap lines, change characters, or splice values into a text."""
    lines = text.splitlines()
    for _ in range(draw(st.integers(0, 4))):
        if not lines:
            break
        at = st.integers(0, len(lines) - 1)
        first, second = draw(at), draw(at)
        match draw(st.sampled_from(("delete", "double", "swap", "characters", "value", "shift"))):
            case "delete":
                del lines[first]
            case "double":
                lines.insert(second, lines[first])
            case "swap":
                lines[first], lines[second] = lines[second], lines[first]
            case "characters":
                place = draw(st.integers(0, len(lines[first])))
                kept = draw(st.integers(place, len(lines[first])))
                characters = draw(st.text(st.characters(codec="utf-8"), max_size=3))
                lines[first] = lines[first][:place] + characters + lines[first][kept:]
            case "value":
                head, colon, _ = lines[first].partition(draw(st.sampled_from((": ", "{", "[", ", ", "- "))))
                lines[first] = head + colon + draw(st.sampled_from(VALUES))
            case _:
                lines[first] = " " * draw(st.integers(0, 8)) + lines[first].lstrip()
    return "\n".join(lines) + "\n"


def loaded(experiment: bytes, system: bytes) -> Loaded | InvalidFileError:
    """Load two files of any content."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "any.yaml").write_bytes(experiment)
        (folder / "shop.yaml").write_bytes(system)
        try:
            return load_experiment(folder / "any.yaml", catalogue(), systems=[folder], environment={})
        except InvalidFileError as error:
            return error


@settings(max_examples=200)
@given(st.sampled_from(sorted(FILES)).flatmap(lambda name: spoilt(FILES[name])), spoilt(SYSTEM))
def test_spoilt_files_load_or_tell_what_is_wrong(experiment: str, system: str) -> None:
    """No edit of the files that ship meets anything else, and whatever loads can be planned."""
    result = loaded(experiment.encode(), system.encode())
    if isinstance(result, InvalidFileError):
        assert result.problems
        counts = {"any.yaml": experiment.count("\n") + 1, "shop.yaml": system.count("\n") + 1}
        assert all(1 <= each.line <= counts[each.file.name] for each in result.problems)
        assert all(each.message and each.seen and each.valid for each in result.problems)
    elif sum(result.experiment.load.routes.values()) * result.experiment.phases.total_s <= MOST_ARRIVALS:
        planned = plan(
            result.experiment, result.system, catalogue(), name=result.name, target="local", variant="naive", seed=1
        )
        assert planned.to_json()


@settings(max_examples=200)
@given(st.binary(max_size=200), st.binary(max_size=200))
def test_arbitrary_bytes_tell_what_is_wrong(experiment: bytes, system: bytes) -> None:
    """Bytes that nobody wrote as a file are refused in words."""
    assert isinstance(loaded(experiment, system), InvalidFileError)
