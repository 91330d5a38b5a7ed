"""The GitHub Action and the examples: well formed, and the action's scripts run as GitHub does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from junitparser import JUnitXml

from tests.command import COMMAND, ROOT, run_harness

pytestmark = pytest.mark.commands

EXPRESSION = re.compile(r"\$\{\{\s*(.+?)\s*\}\}")

BAD = """
duration: 10s
workers: 3
jobs:
  - {name: report, every: 1s, takes: 100ms}
approaches: [uncoordinated, redis-lock]
expect:
  uncoordinated: {duplicate: 0}
"""
GOOD = BAD.replace("duplicate: 0", "duplicate: {min: 1}")


@dataclass(frozen=True, slots=True)
class Workflow:
    """What the action left behind; `code` is how its last step ended."""

    code: int
    outputs: dict[str, str]
    summary: str
    said: str


def action() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
    return document


def run_action(workspace: Path, **inputs: str) -> Workflow:
    """The action's scripts one after the other, with the environment that they ask for.

    What GitHub brings (Python, artifacts) is left out, and so is the installation: the command is
    ours.
    """
    document = action()
    values = {f"inputs.{name}": one.get("default", "") for name, one in document["inputs"].items()}
    values |= {f"inputs.{name}": value for name, value in inputs.items()}
    values |= {"github.action_path": str(ROOT), "steps.install.outputs.harness": str(COMMAND)}
    summary, said, code = workspace / "summary", "", 0
    summary.touch()
    for step in document["runs"]["steps"]:
        if step.get("id") == "install" or "run" not in step:
            continue
        output = workspace / "output"
        output.write_text("")
        asked = {name: evaluated(text, values) for name, text in step.get("env", {}).items()}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=workspace,
            env={
                **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
                "GITHUB_OUTPUT": str(output),
                "GITHUB_STEP_SUMMARY": str(summary),
                "GITHUB_ACTIONS": "true",
                **asked,
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        code, said = done.returncode, said + done.stdout + done.stderr
        if step["name"] != "Verdict":
            assert code == 0, said
        name = step.get("id")
        values[f"steps.{name}.outcome"] = "success"
        for line in output.read_text().splitlines():
            key, _, value = line.partition("=")
            values[f"steps.{name}.outputs.{key}"] = value
    outputs = {name: evaluated(one["value"], values) for name, one in document["outputs"].items()}
    return Workflow(code, outputs, summary.read_text(), said)


def evaluated(text: str, values: dict[str, str]) -> str:
    return EXPRESSION.sub(lambda found: values.get(found[1], ""), text)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    scenarios = tmp_path / "scenarios"
    scenarios.mkdir()
    (scenarios / "good.yaml").write_text(GOOD)
    (scenarios / "bad.yaml").write_text(BAD)
    return tmp_path


@pytest.mark.parametrize(
    ("schema", "file"),
    [
        ("github-actions", "action.yml"),
        ("github-workflows", "docs/examples/github-workflow.yml"),
        ("gitlab-ci", "docs/examples/gitlab-ci.yml"),
    ],
)
def test_the_files_are_well_formed(schema: str, file: str) -> None:
    checker = Path(sys.executable).with_name("check-jsonschema")
    done = subprocess.run(
        [checker, "--builtin-schema", f"vendor.{schema}", file],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_input_is_pasted_into_a_script() -> None:
    scripts = [step["run"] for step in action()["runs"]["steps"] if "run" in step]
    assert len(scripts) > 3
    assert not [script for script in scripts if EXPRESSION.search(script)]


def test_the_example_gives_only_inputs_that_the_action_has() -> None:
    example = yaml.safe_load((ROOT / "docs/examples/github-workflow.yml").read_text())
    steps = [step for job in example["jobs"].values() for step in job["steps"]]
    given = [step["with"] for step in steps if "chaos-harness@" in step.get("uses", "")]
    assert len(given) == 2
    assert {name for inputs in given for name in inputs} <= set(action()["inputs"])


def test_the_action_passes_where_all_is_as_expected_and_as_before(workspace: Path) -> None:
    found = run_action(workspace, scenarios="good\n", repeat="3")
    assert (found.code, found.outputs["passed"], found.outputs["code"]) == (0, "true", "0")
    report = workspace / found.outputs["report"]
    assert (report / "good" / "index.html").is_file()
    assert "redis-lock" in found.summary
    before = JUnitXml.fromfile(str(workspace / found.outputs["junit"])).tests
    baseline = workspace / "baseline.json"
    run_harness("baseline", report / "good", "--out", baseline)
    again = run_action(workspace, scenarios="good", repeat="3", out="o", baseline=str(baseline))
    assert again.code == 0, again.said
    assert JUnitXml.fromfile(str(workspace / again.outputs["junit"])).tests > before > 0


def test_the_action_fails_on_a_violation_after_all_have_run(workspace: Path) -> None:
    found = run_action(workspace, scenarios="scenarios/bad.yaml good", repeat="2")
    assert (found.code, found.outputs["passed"], found.outputs["code"]) == (1, "false", "1")
    assert (workspace / "chaos-report" / "good" / "results.json").is_file()
    assert "::error" in found.said


def test_the_action_says_what_is_wrong_with_its_inputs(workspace: Path) -> None:
    assert run_action(workspace, scenarios="").code == 2
    missing = run_action(workspace, scenarios="godo", out="other")
    assert (missing.code, missing.outputs["code"]) == (2, "2")
    assert run_action(workspace, scenarios="good", repeat="many", out="third").code == 2


def test_hostile_inputs_stay_text(workspace: Path) -> None:
    hostile = "$(touch${IFS}pwned)`touch${IFS}pwned`;touch${IFS}pwned"
    gated = dict.fromkeys(("baseline", "across", "out"), hostile)
    run_action(workspace, **{"scenarios": "good", "repeat": "1", **gated})
    run_action(workspace, **dict.fromkeys(action()["inputs"], hostile))
    assert not list(workspace.rglob("pwned"))
    assert not (ROOT / "pwned").exists()
