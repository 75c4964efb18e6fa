"""What each command prints, and with which code it ends."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from gameday.agent.wire import PORTS
from gameday.cli.exits import Exit
from gameday.cli.main import main
from gameday.experiment.loading.finding import shipped
from gameday.experiment.plan import read_plan
from gameday.targets.local.requirements import missing
from unit.experiment.small_files import EXPERIMENT, SYSTEM, work_in


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with one experiment of its own."""
    work_in(tmp_path, monkeypatch)


def test_validate_checks_everything_that_is_found_when_nothing_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """The caller's experiments and those that ship."""
    assert main(["validate"]) == Exit.PASSED
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()] == [
        *(["valid", name] for name in sorted(["small", *(path.stem for path in shipped().glob("*.yaml"))])),
        *(["valid", path.stem] for path in sorted((shipped() / "suites").glob("*.yaml"))),
    ]


def test_validate_tells_the_mistakes_of_all_files_together(capsys: pytest.CaptureFixture[str]) -> None:
    """One run of the command is enough to mend them; a system's mistakes are told once."""
    system = Path("experiments/systems/tiny.yaml")
    system.write_text(SYSTEM.replace("kind: redis", "kind: rediss"), encoding="utf-8")
    Path("experiments/other.yaml").write_text(EXPERIMENT.replace("tags:", "tag:"), encoding="utf-8")
    assert main(["validate", "small", "other"]) == Exit.USAGE
    shown = capsys.readouterr().err
    assert shown.count("kind is not a valid word") == 1
    assert "experiments/other.yaml:3  tag" in shown
    assert "2 mistakes in 2 files; nothing was started" in shown


def test_validate_goes_on_after_a_valid_one(capsys: pytest.CaptureFixture[str]) -> None:
    """Valid ones are still told on stdout."""
    Path("experiments/other.yaml").write_text("", encoding="utf-8")
    assert main(["validate", "other", "small"]) == Exit.USAGE
    assert capsys.readouterr().out.startswith("valid  small")


def test_list_goes_on_past_a_file_that_cannot_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    """One broken file must not hide the others."""
    Path("experiments/broken.yaml").write_text("a: [", encoding="utf-8")
    assert main(["list"]) == Exit.PASSED
    shown = capsys.readouterr()
    assert "small" in shown.out
    assert "experiments/broken.yaml" in shown.err


def test_a_plan_as_json_is_the_plan_of_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    """It is the same file that a run keeps, without any secret."""
    assert main(["plan", "small", "--json"]) == Exit.PASSED
    text = capsys.readouterr().out
    planned = read_plan(text)
    assert (planned.name, planned.variant, planned.seed) == ("small", "hardened", 1)
    assert "hunter2" not in text


def test_doctor_says_what_is_missing_and_fails_if_anything_is(capsys: pytest.CaptureFixture[str]) -> None:
    """Its code tells a script whether ``run`` can work here."""
    lacks = missing()
    assert main(["doctor"]) == (Exit.USAGE if lacks else Exit.PASSED)
    shown = capsys.readouterr().out
    assert all(sentence in shown for sentence in lacks)
    assert ("ready; next: gameday run" in shown) == (not lacks)


def test_debug_may_stand_before_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    """It belongs to the program as much as to the command."""
    assert main(["--debug", "validate", "smal"]) == Exit.USAGE
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("role", "--for", "kil"), ("--for is not a valid list", "kil", 'did you mean "kill"')),
        (("role", "--for", "kill,"), ("--for is not a valid list", "kill-down")),
        (("account", "--for", "kill"), ("--for narrows nothing of what is asked for", "role or janitor")),
        (("role", "--nodes", "w1"), ("--nodes narrows nothing of what is asked for", "node-role")),
        (("role", "--workloads", "Web"), ("--workloads is not a valid list", "Web")),
        (("role", "janitor", "--for", "kill"), ("nothing of --for needs janitor", "kill-down, scale, drain")),
        (("node-role", "--for", "scale"), ("nothing of --for needs node-role", "drain")),
    ],
)
def test_manifests_that_would_grant_nothing_of_what_is_asked_for_are_refused(
    words: tuple[str, ...], told: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is printed that kubectl would apply."""
    assert main(["manifests", "there", *words]) == Exit.USAGE
    shown = capsys.readouterr()
    assert shown.out == ""
    assert all(text in shown.err for text in told)


def test_the_network_policy_leaves_all_ports_but_the_agents_to_everybody(capsys: pytest.CaptureFixture[str]) -> None:
    """Those are for the address that is named; every other TCP port is in exactly one range."""
    assert main(["manifests", "mine", "network-policy", "--api-server", "172.18.0.4"]) == Exit.PASSED
    policy = yaml.safe_load(capsys.readouterr().out)
    assert policy["metadata"] == {"name": "gameday-agents", "namespace": "mine"}
    first, others = policy["spec"]["ingress"]
    assert first["from"] == [{"ipBlock": {"cidr": "172.18.0.4/32"}}]
    ports = [range(each["port"], each["endPort"] + 1) for each in first["ports"]]
    assert {port for each in ports for port in each} == set(PORTS.values())
    assert "from" not in others
    tcp = [range(each["port"], each["endPort"] + 1) for each in others["ports"] if each["protocol"] == "TCP"]
    assert sorted(port for each in (*tcp, *ports) for port in each) == list(range(1, 1 << 16))


@pytest.mark.parametrize(
    ("words", "seen"),
    [
        (["network-policy"], "go together"),
        (["role", "--api-server", "10.0.0.1"], "go together"),
        (["network-policy", "--api-server", "10.0.0.1/8"], "cannot be read"),
        (["network-policy", "--api-server", "api; true"], "cannot be read"),
    ],
)
def test_a_network_policy_needs_the_address_of_the_api_server(
    capsys: pytest.CaptureFixture[str], words: list[str], seen: str
) -> None:
    """It says where that is told."""
    assert main(["manifests", "mine", *words]) == Exit.USAGE
    said = capsys.readouterr()
    assert seen in said.err
    assert not said.out
