"""The interactive line: typed commands act on the line, wrong ones are told."""

import io

import pytest

from sim.scenario import Scenario, ScenarioRun
from sim.terminal import Terminal


@pytest.fixture
def told() -> list[str]:
    """What the terminal printed."""
    return []


@pytest.fixture
def run() -> ScenarioRun:
    """A line on which nothing happens by itself."""
    return ScenarioRun(Scenario("typed"))


@pytest.fixture
def terminal(run: ScenarioRun, told: list[str]) -> Terminal:
    """A terminal of that line."""
    return Terminal(run, told.append)


def wait(run: ScenarioRun, seconds: float) -> None:
    """Let line time pass."""
    run.line.step(round(seconds * 1000) * 8)


def test_a_typed_call(terminal: Terminal, run: ScenarioRun, told: list[str]) -> None:
    terminal.carry_out("call 13800138000 sdmf")
    wait(run, 5.5)
    terminal.carry_out("lift")
    terminal.carry_out("status")
    terminal.carry_out("far talk 2")
    wait(run, 2.0)
    terminal.carry_out("far hang up")
    wait(run, 1.0)
    terminal.carry_out("hang up")
    wait(run, 1.0)
    assert "connected; off-hook: phone" in told
    assert told[-1].split() == ["=", "in", "138****8000:", "answered,", "3.000", "s"]
    assert any(line.endswith("ring 2") for line in told)


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("call", "call NUMBER"),
        ("call 138 morse", "mdmf|sdmf"),
        ("sing", "unknown step"),
        ("second pulse 12", "cannot do that"),
        ("far cut", "cannot do that"),
    ],
)
def test_a_wrong_command_is_told_and_the_line_goes_on(
    terminal: Terminal, run: ScenarioRun, told: list[str], command: str, complaint: str
) -> None:
    terminal.read(io.StringIO(command + "\n\nquit\n"))
    while not terminal.has_quit:
        terminal.obey()
        wait(run, 0.032)
    assert complaint in told[0] and len(told) == 1


def test_a_second_caller_hears_busy(terminal: Terminal, run: ScenarioRun, told: list[str]) -> None:
    terminal.read(io.StringIO("call withheld\ncall 10086\nquit\n"))
    while not terminal.has_quit:
        terminal.obey()
    assert "the line is in use; the caller hears busy" in told
    assert run.truths[0].reason == "P"


def test_help_names_every_command(terminal: Terminal, told: list[str]) -> None:
    terminal.carry_out("help")
    assert all(word in told[0] for word in ("call", "lift", "pulse", "far", "second", "cut", "quit"))
