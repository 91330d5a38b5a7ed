"""Scenarios in pytest: `chaos.run("worker-crash", approach="redis-lock").assert_no_duplicates()`.

Loaded into every pytest run of an environment that has the harness: so nothing here imports the
rest of the harness before a test asks for `chaos`.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

from harness.pytest_plugin.account import Account
from harness.pytest_plugin.errors import Inconclusive, Violation
from harness.pytest_plugin.settings import MARKER, add_options, settings_of

if TYPE_CHECKING:
    from harness.pytest_plugin.outcome import Outcome
    from harness.pytest_plugin.running import Chaos

__all__ = ["Inconclusive", "Violation"]

_FIXTURES = frozenset({"chaos", "chaos_module"})
_account = pytest.StashKey[Account]()
_outcomes: pytest.StashKey[list[Outcome]] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options and what the configuration file may say."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Announce the marker."""
    config.addinivalue_line("markers", MARKER)
    config.stash[_account] = Account()


@pytest.fixture
def chaos(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Chaos:
    """Runs scenarios: `chaos.run("gc-pause", approach="redis-lock")` gives an outcome to assert.

    Defaults come from the marker `chaos`, then from the options `--chaos-…`, then from the
    configuration file.
    """
    return _chaos(request, tmp_path_factory)


@pytest.fixture(scope="module")
def chaos_module(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Chaos:
    """The same, for a fixture that runs a scenario once for all tests of a module."""
    return _chaos(request, tmp_path_factory)


def _chaos(request: pytest.FixtureRequest, temporary: pytest.TempPathFactory) -> Chaos:
    # Not above: it loads the whole harness.
    from harness.pytest_plugin.running import Chaos

    account = request.config.stash[_account]
    outcomes = request.node.stash.setdefault(_outcomes, [])

    def note(outcome: Outcome) -> None:
        outcomes.append(outcome)
        account.add(outcome.scenario, outcome.trials)

    def reported(outcome: Outcome) -> None:
        account.reports.add(str(outcome.reports))

    return Chaos(settings_of(request), temporary, note, reported)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Write the reports of what a failing test ran, whatever it failed of."""
    report = yield
    if not report.failed or _FIXTURES.isdisjoint(getattr(item, "fixturenames", ())):
        return report
    error = None if call.excinfo is None else call.excinfo.value
    item.config.stash[_account].failed(error)
    if isinstance(error, Violation | Inconclusive):
        return report  # it says where the report is
    for node in item.listchain():
        for outcome in node.stash.get(_outcomes, []):
            report.sections.append(("chaos", outcome.report_line()))
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In a process of xdist's: hand on what was counted."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["chaos"] = session.config.stash[_account].as_data()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """With xdist: add what one of its processes counted."""
    data = getattr(node, "workeroutput", {}).get("chaos")
    if data is not None:
        node.config.stash[_account].merge(data)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line what was run, if anything was."""
    account = terminalreporter.config.stash[_account]
    if account.runs:
        terminalreporter.write_line(account.line())
