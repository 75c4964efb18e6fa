"""The first files for somebody's namespace are valid as they are written, whatever was seen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gameday.experiment.loading.load import Loaded, load_experiment
from gameday.experiment.surveyed import Seen, Survey, experiment_file, name_of_experiment, remarks, system_file
from gameday.faults import catalogue

PAGES = Seen("pages", 2, "http", "guessed", 8000, path="/ready", calls=("memory",), url="http://172.18.0.2:30090")
MEMORY = Seen("memory", 1, "redis", "by its image redis:8", 6379, password=("passwords", "redis"))
BOOK = Survey("kind-mine", "book", (MEMORY, PAGES))


def loaded(survey: Survey, folder: Path) -> Loaded:
    """Write both files, and read them as a run would."""
    (folder / "systems").mkdir()
    (folder / "systems" / f"{survey.name}.yaml").write_text(system_file(survey), encoding="utf-8")
    path = folder / f"{name_of_experiment(survey)}.yaml"
    path.write_text(experiment_file(survey), encoding="utf-8")
    return load_experiment(path, catalogue(), systems=[folder / "systems"])


def test_a_service_with_another_replica_loses_one(tmp_path: Path) -> None:
    """What was seen is in the system file."""
    found = loaded(BOOK, tmp_path)
    assert [call.fault for call in found.experiment.method] == ["kill"]
    pages, memory = found.system.services["pages"], found.system.services["memory"]
    assert (pages.port, memory.kind, memory.port) == (8000, "redis", 6379)
    assert memory.password is not None
    assert found.system.routes["pages"].request == "GET /ready"
    assert found.system.routes["pages"].soft == ("memory",)
    assert found.system.targets.kind is not None
    assert found.system.targets.kind.url_of("pages") == PAGES.url


@pytest.mark.parametrize(
    ("workloads", "touched"),
    [
        ((MEMORY, replace(PAGES, replicas=1)), "memory"),
        ((replace(PAGES, replicas=1, calls=()),), "pages"),
        ((replace(PAGES, url=None, path=None, port=None, calls=()),), "pages"),
        ((MEMORY, replace(PAGES, workload="2pages")), "s-2pages"),
    ],
    ids=["a dependency", "alone", "nothing known", "a name that begins with a digit"],
)
def test_whatever_was_seen_the_files_are_valid(workloads: tuple[Seen, ...], touched: str, tmp_path: Path) -> None:
    """What is not known is guessed, and said."""
    found = loaded(Survey("kind-mine", "book", workloads), tmp_path)
    assert touched in str(found.experiment.method[0].parameters)


def test_a_namespace_that_begins_with_a_digit_has_a_name(tmp_path: Path) -> None:
    """The namespace keeps its own."""
    found = loaded(Survey("kind-mine", "7book", BOOK.workloads), tmp_path)
    assert found.system.name == "s-7book"
    assert found.system.targets.kind is not None
    assert found.system.targets.kind.namespace == "7book"


def test_a_context_that_was_allowed_by_name_stays_allowed(tmp_path: Path) -> None:
    """Else the next command would be refused."""
    found = loaded(Survey("production", "book", BOOK.workloads), tmp_path)
    assert found.system.targets.kind is not None
    assert found.system.targets.kind.allow


def test_what_leads_in_is_told_where_nothing_does() -> None:
    """With the command that makes a way."""
    told = "\n".join(remarks(Survey("kind-mine", "book", (replace(PAGES, url=None, path=None),))))
    assert "kubectl --context kind-mine -n book port-forward deployment/pages 8080:8000" in told
    assert "GET / was guessed" in told


@pytest.mark.parametrize(
    ("context", "namespace", "path"),
    [
        ("123", "123", "/ready"),
        ("arn:aws:eks:eu-west-1:1:cluster/x", "1e3", "/ready?deep=1,yes:#no"),
        ("@home", "true", '/"'),
    ],
)
def test_texts_that_yaml_would_take_for_something_else_stay_what_they_are(
    context: str, namespace: str, path: str, tmp_path: Path
) -> None:
    """A namespace may be all digits, and a context almost anything."""
    pages = replace(PAGES, metrics=path)
    found = loaded(Survey(context, namespace, (MEMORY, pages)), tmp_path)
    kind = found.system.targets.kind
    assert kind is not None
    assert (kind.context, kind.namespace) == (context, namespace)
    assert found.system.services["pages"].metrics == path
