"""`cloudseat-sim`: the simulator's commands."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console

from sim.board import BoardSettings
from sim.chaos.cli import chaos, reconcile
from sim.decode import Heard, Mode, decode_files
from sim.demo.cli import demo
from sim.errors import SimulatorError
from sim.live import run_live_line
from sim.soak.cli import soak

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    help="A telephone line, its exchange and the people on it, with the real firmware listening.",
)
_out = Console(highlight=False, soft_wrap=True)
_errors = Console(stderr=True, highlight=False, soft_wrap=True)


@app.callback()
def _main() -> None:
    """Keeps every command a sub-command."""


app.command()(demo)
app.command()(chaos)
app.command()(reconcile)
app.command()(soak)


@app.command()
def decode(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="8 kHz mono WAV or FLAC.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a file, a line each.")] = False,
    mode: Annotated[
        Mode, typer.Option(help="onhook: caller ID; offhook: digits and tones; auto: both.")
    ] = Mode.AUTO,
) -> None:
    """Listen to recordings with the firmware's ear.

    Runs the detectors of `firmware/` on MicroPython as a child process. Exit code 1 when a file could not be
    read; the others are decoded all the same.

    **Examples**

    * `cloudseat-sim decode call.wav`
    * `cloudseat-sim decode --json --mode onhook captures/*.flac`
    """
    failed = False
    for heard in decode_files(files, mode):
        failed = failed or heard.error is not None
        if as_json:
            print(json.dumps(heard.as_json(), ensure_ascii=False), flush=True)
        else:
            _tell(heard)
    if failed:
        raise typer.Exit(1)


@app.command()
def line(
    scenario: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Play this scenario (TOML), then end.")
    ] = None,
    source: Annotated[str, typer.Option(help="The box's id, 12 hex digits.")] = "5117b0c0ffee",
    flash: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The box's flash chip; kept between runs.")
    ] = None,
    record: Annotated[
        Path | None, typer.Option(metavar="WAV", help="Write what stood on the line to this file.")
    ] = None,
) -> None:
    """One telephone line in real time, with its phone and a box whose serial port an agent can open.

    Without a scenario it is interactive: type `help` for the commands (`call 13800138000`, `lift`, ...).

    **Examples**

    * `cloudseat-sim line`, and in another terminal `cloudseat-agent run --port /dev/pts/N`
    * `cloudseat-sim line --scenario busy-evening.toml --record evening.wav`
    """
    try:
        with TemporaryDirectory(prefix="cloudseat-line-") as folder:
            settings = BoardSettings(source, flash or Path(folder) / "flash.bin")
            run_live_line(settings, scenario, record, lambda text: _out.print(text, markup=False))
    except SimulatorError as error:
        _errors.print(f"error: {error}", markup=False)
        raise typer.Exit(1) from None


def _tell(heard: Heard) -> None:
    if heard.error is not None:
        _errors.print(f"{heard.file}: error: {heard.error}", markup=False)
        return
    lines = [f"caller ID {json.dumps(caller, ensure_ascii=False)}" for caller in heard.caller_ids]
    lines += [f"digits {heard.digits}"] if heard.digits else []
    lines += [f"tone {tone['tone']}" for tone in heard.tones]
    for line in lines or ["nothing heard"]:
        _out.print(f"{heard.file}: {line}", markup=False)
