"""The first files for somebody's namespace are valid as they are written, whatever was seen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gameday.cli.exits import Exit
from gameday.cli.main import main
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


def test_a_stateful_set_is_forwarded_to_as_one() -> None:
    """There is no Deployment of its name."""
    told = "\n".join(remarks(Survey("kind-mine", "book", (replace(PAGES, url=None, of="statefulset"),))))
    assert "port-forward statefulset/pages 8080:8000" in told


def test_entries_that_nothing_leads_to_get_an_address_each(tmp_path: Path) -> None:
    """Two port-forwards cannot share a port of this machine, and two services no address."""
    workloads = tuple(replace(PAGES, workload=name, url=None, calls=()) for name in ("left", "right"))
    survey = Survey("kind-mine", "book", workloads)
    kind = loaded(survey, tmp_path).system.targets.kind
    assert kind is not None
    assert {kind.url_of("left"), kind.url_of("right")} == {"http://127.0.0.1:8080", "http://127.0.0.1:8081"}
    told = "\n".join(remarks(survey))
    assert "deployment/left 8080:8000" in told
    assert "deployment/right 8081:8000" in told


def test_workloads_behind_one_address_have_one_entry(tmp_path: Path) -> None:
    """A request cannot choose between a release and its canary."""
    survey = Survey("kind-mine", "book", (replace(PAGES, workload="canary", replicas=1), PAGES, MEMORY))
    assert list(loaded(survey, tmp_path).system.routes) == ["pages"]
    assert any("canary: answers at" in each and "together with pages" in each for each in remarks(survey))


def test_a_page_of_metrics_on_a_port_of_its_own_keeps_it(tmp_path: Path) -> None:
    """It would be asked for at the users' port otherwise."""
    survey = Survey("kind-mine", "book", (replace(PAGES, metrics="/stats", metrics_port=9797), MEMORY))
    service = loaded(survey, tmp_path).system.services["pages"]
    assert (service.metrics, service.metrics_port, service.port) == ("/stats", 9797, 8000)


def test_what_speaks_tls_only_is_no_entry_beside_what_does_not() -> None:
    """The load speaks plain HTTP, and says so."""
    survey = Survey("kind-mine", "book", (replace(PAGES, workload="safe", tls=True, url=None, calls=()), PAGES))
    assert [each.workload for each in survey.entries()] == ["pages"]
    assert any(each.startswith("safe: its Services' ports speak TLS") for each in remarks(survey))


def test_what_is_missing_and_what_was_not_seen_is_told() -> None:
    """A line each, under the name of the service."""
    survey = Survey("kind-mine", "book", (replace(PAGES, warnings=("one replica: …",)),), ("CronJobs are left out: x",))
    assert {"pages: one replica: …", "CronJobs are left out: x"} <= set(remarks(survey))


@pytest.mark.parametrize("namespace", ["kube-system", "kube-node-lease", "istio-system"])
def test_a_namespace_of_the_cluster_is_refused_before_it_is_looked_at(
    namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever means it says so by a flag; there is no such context, which would be told next."""
    monkeypatch.chdir(tmp_path)
    words = ["init", "--context", "kind-of-nobody", "--namespace", namespace]
    assert main(words) == Exit.REFUSED
    assert "--allow-system-namespace" in capsys.readouterr().err
    assert main([*words, "--allow-system-namespace"]) == Exit.USAGE
    assert "kind-of-nobody" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


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
