"""`cloudseat-sim demo`: the whole road on this machine, to look at or (headless) to check."""

import json
import signal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from protocol.desk_page import PORT
from sim.demo.check import find_differences
from sim.demo.headless import HeadlessReport, run_headless
from sim.demo.live import run_live
from sim.demo.sabotage import Sabotage
from sim.demo.script import SCRIPT
from sim.demo.stack import StackSettings, find_free_port, is_free
from sim.errors import SimulatorError

LIVE_FOLDER = Path("var/demo")
_out = Console(highlight=False, soft_wrap=True)
_errors = Console(stderr=True, highlight=False, soft_wrap=True)


def demo(
    headless: Annotated[bool, typer.Option("--headless", help="Stepped time, no page; check all.")] = False,
    calls: Annotated[
        int | None, typer.Option(min=1, help="How many calls; default: the script's eight, or no end.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the headless report here (JSON).")
    ] = None,
    sabotage: Annotated[
        Sabotage | None, typer.Option(help="Break one part of a headless run on purpose.")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of the page; 0: a free one.")] = 8000,
    data_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep everything here (default: var/demo).")
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open the page.")] = True,
) -> None:
    """Start broker, cloud, agent and a simulated line; play calls until Ctrl-C.

    Headless: play the script in stepped time, then compare every call with what the cloud's HTTP API shows.
    Exit code 0 only if number, outcome, recording and ticket of each are right.

    **Examples**

    * `cloudseat-sim demo`
    * `cloudseat-sim demo --headless --report report.json`
    * `cloudseat-sim demo --headless --calls 40`
    * `cloudseat-sim demo --headless --sabotage upload` (exits 1: the check sees it)
    """
    if not headless and (report or sabotage):
        _fail("--report and --sabotage need --headless")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        if headless:
            found = _play_headless(calls or len(SCRIPT), sabotage, data_dir)
            _tell(found, report)
            raise typer.Exit(0 if found.is_right else 1)
        page_port = PORT if is_free(PORT) else find_free_port()
        settings = StackSettings(data_dir or LIVE_FOLDER, web_port=port, page_port=page_port)
        run_live(settings, calls, browser, _out)
    except SimulatorError as error:
        _fail(str(error))


def _play_headless(calls: int, sabotage: Sabotage | None, data_dir: Path | None) -> HeadlessReport:
    with TemporaryDirectory(prefix="cloudseat-headless-") as temporary:
        folder = data_dir or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        return run_headless(StackSettings(folder, web_port=0), calls, sabotage)


def _tell(found: HeadlessReport, report: Path | None) -> None:
    if report is not None:
        report.write_text(json.dumps(found.as_json(), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    for call in found.calls:
        truth, cloud = call["truth"] or {}, call["cloud"] or {}
        verdict = "ok   " if call["ok"] else "WRONG"
        number = _mask(cloud.get("number") or cloud.get("number_state", "-"))
        outcome, seconds = cloud.get("outcome", "-"), _seconds(cloud.get("recording_seconds"))
        _out.print(f"{verdict} {call['name']:<34} {number:<13} {outcome:<19} {seconds}", markup=False)
        for key in find_differences(truth, cloud) if cloud else ():
            _out.print(f"      {key}: line {truth.get(key)!r}, cloud {cloud.get(key)!r}", markup=False)
    speed = found.line_seconds / found.wall_seconds
    _out.print(
        f"{found.line_seconds:.0f} s of line in {found.wall_seconds:.1f} s ({speed:.0f} times as fast)"
    )


def _mask(number: str) -> str:
    return f"{number[:3]}****{number[-4:]}" if number.isdigit() and len(number) > 7 else number


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:6.3f} s"


def _stop(number: int, _frame: object) -> NoReturn:
    """A polite kill, or a terminal that closes, ends the run as Ctrl-C does: children first."""
    raise KeyboardInterrupt


def _fail(sentence: str) -> NoReturn:
    _errors.print(f"error: {sentence}", markup=False)
    raise typer.Exit(1)
