"""`cloudseat-sim soak`: an hour of the whole road in wall time, and whether its memory stays flat."""

import json
import signal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from sim.demo.stack import StackSettings
from sim.errors import SimulatorError
from sim.soak.report import format_table
from sim.soak.run import run_soak

_out = Console(highlight=False, soft_wrap=True)
_errors = Console(stderr=True, highlight=False, soft_wrap=True)


def soak(
    minutes: Annotated[float, typer.Option(min=0.1, max=7 * 24 * 60, help="It ends by itself then.")] = 60.0,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two readings of memory.")] = 10.0,
    between: Annotated[float, typer.Option(min=30.0, help="Seconds from call to call.")] = 40.0,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write every reading here (JSON).")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep everything here (default: nothing is kept).")
    ] = None,
) -> None:
    """Run broker, cloud, agent and a box in wall time with calls; read the memory of each process.

    Prints a row a process: its slope an hour with the standard error, after a warm-up. Flat is a slope
    within two standard errors of zero, or under the limit in the table. Exit code 1 if one grows, or if the
    cloud does not show every call.

    **Example**

    * `cloudseat-sim soak --minutes 60 --report soak.json`
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        with TemporaryDirectory(prefix="cloudseat-soak-") as folder:
            found = run_soak(StackSettings(data_dir or Path(folder), web_port=0), minutes, every, between)
    except SimulatorError as error:
        _errors.print(f"error: {error}", markup=False)
        raise typer.Exit(1) from None
    if report is not None:
        report.write_text(json.dumps(found.as_json()) + "\n", encoding="utf-8")
    for row in format_table(found):
        _out.print(row, markup=False)
    _out.print(f"{minutes:g} minutes, {found.calls} calls ended on the line, {found.in_cloud} in the cloud")
    if not found.is_flat or found.in_cloud != found.calls:
        raise typer.Exit(1)


def _stop(number: int, _frame: object) -> NoReturn:
    """A polite kill ends the run as Ctrl-C does: children first."""
    raise KeyboardInterrupt
