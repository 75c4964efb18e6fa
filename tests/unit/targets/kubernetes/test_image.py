"""What an image is made of decides whether it is built again."""

from __future__ import annotations

from pathlib import Path

import pytest

from gameday.targets.kubernetes.image import LOAD, SHOP, Image, beside, digest, folder, sources


def written(place: Path, **texts: str) -> tuple[tuple[str, Path], ...]:
    """Write files, and return them as an image's sources."""
    for name, text in texts.items():
        (place / name).write_text(text, encoding="utf-8")
    return tuple(sorted((name, place / name) for name in texts))


@pytest.mark.parametrize("image", [SHOP, LOAD], ids=lambda image: image.stage)
def test_an_image_holds_its_parts_of_the_package_and_no_others(image: Image) -> None:
    """Beside how it is built; a change elsewhere builds nothing."""
    names = [name for name, _ in sources(image)]
    assert names == sorted(set(names))
    assert {"Dockerfile", "requirements/shop.txt", "src/gameday/__init__.py"} <= set(names)
    inside = {name.split("/")[2] for name in names if name.startswith("src/gameday/")}
    assert inside == set(image.parts)
    assert all(path.is_file() for _, path in sources(image))
    assert not [name for name in names if "__pycache__" in name]


def test_the_same_files_have_the_same_digest_wherever_they_lie(tmp_path: Path) -> None:
    """The digest is short enough for a label."""
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    first, second = (written(place, a="1", b="2") for place in (one, other))
    assert digest(first) == digest(second)
    assert len(digest(first)) <= 63


@pytest.mark.parametrize("texts", [{"a": "1", "b": "3"}, {"a": "1", "c": "2"}, {"a": "1"}, {"a": "2", "b": "1"}])
def test_another_content_name_or_number_of_files_has_another_digest(tmp_path: Path, texts: dict[str, str]) -> None:
    """So that nothing stale is taken for what is there now."""
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    after.mkdir()
    assert digest(written(before, a="1", b="2")) != digest(written(after, **texts))


def test_what_is_built_is_what_was_hashed(tmp_path: Path) -> None:
    """Copies of just these files lie in a folder that is gone afterwards."""
    files = tuple((f"src/{name}", path) for name, path in written(tmp_path, a="1", b="2"))
    with folder(files) as place:
        found = tuple(sorted((each.relative_to(place).as_posix(), each) for each in place.rglob("*") if each.is_file()))
        assert digest(found) == digest(files)
    assert not place.exists()


@pytest.mark.parametrize("image", [SHOP, LOAD], ids=lambda image: image.stage)
def test_every_stage_up_to_an_image_s_own_is_built_from_what_the_image_is_made_of(image: Image) -> None:
    """A builder that is not BuildKit builds them all, those that the image does not need too."""
    names = [name for name, _ in sources(image)]
    stages = beside("Dockerfile").read_text(encoding="utf-8").split("\nFROM ")[1:]
    own = next(number for number, stage in enumerate(stages) if f" AS {image.stage}\n" in stage)
    lines = [line.split() for stage in stages[: own + 1] for line in stage.splitlines()]
    copied = [words[1] for words in lines if words and words[0] == "COPY" and not words[1].startswith("--from=")]
    assert copied
    assert [path for path in copied if not any(f"{name}/".startswith(f"{path}/") for name in names)] == []
