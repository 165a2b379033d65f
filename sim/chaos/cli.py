"""`cloudseat-sim chaos` and `cloudseat-sim reconcile`."""

import json
import signal
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich import progress
from rich.console import Console

from sim.chaos.certificate import WORDS, render
from sim.chaos.evidence import CLOUD, TRUTH, read_rows
from sim.chaos.reconcile import reconcile as compare
from sim.chaos.run import run_chaos
from sim.chaos.sabotage import ChaosSabotage
from sim.errors import SimulatorError

_out = Console(highlight=False, soft_wrap=True)
_errors = Console(stderr=True, highlight=False, soft_wrap=True)


def chaos(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Leave everything here; it should be empty.")],
    calls: Annotated[int, typer.Option(min=1, help="How many calls.")] = 300,
    boxes: Annotated[int, typer.Option(min=1, max=8, help="Lines with a box, all on one desk PC.")] = 8,
    seed: Annotated[int, typer.Option(help="Of calls and faults.")] = 1,
    sabotage: Annotated[
        ChaosSabotage | None, typer.Option(help="Do one thing wrong on purpose; reconcile must see it.")
    ] = None,
) -> None:
    """Play calls on real firmware, agent, broker and cloud in stepped time while things break.

    Leaves truth.jsonl (from the exchanges alone), cloud.jsonl (from the HTTP API alone), faults.jsonl, and
    the databases and stores themselves. `cloudseat-sim reconcile DIR` then counts.

    **Example**

    * `cloudseat-sim chaos --calls 300 --boxes 8 --seed 1 --out var/chaos`, then
      `cloudseat-sim reconcile var/chaos`
    """
    if out.exists() and any(out.iterdir()):
        _fail(f"{out} is not empty: evidence of two runs must not mix; choose another folder")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        with _Progress(_errors) as bars:
            report = run_chaos(out, calls, boxes, seed, sabotage, tell=bars.tell)
    except SimulatorError as error:
        _fail(str(error))
    speed = report.line_seconds / report.wall_seconds
    _out.print(
        f"{report.calls} calls, {report.faults} faults, {report.line_seconds:.0f} s of lines "
        f"({report.sampled_seconds:.0f} s as samples) in {report.wall_seconds:.0f} s: "
        f"{speed:.0f} line-seconds a second"
    )
    if report.missing:
        _errors.print(f"warning: {report.missing}; the count will tell what", markup=False)


def reconcile(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="With truth.jsonl and cloud.jsonl.")],
) -> None:
    """Compare what happened on the lines with what the cloud shows; write certificate.json and .html.

    Exit code 0 only with nothing lost, nothing double, no outcome that is not allowed, no recording
    unaccounted for, and the order kept.
    """
    try:
        result = compare(read_rows(folder / TRUTH), read_rows(folder / CLOUD))
    except (OSError, ValueError, KeyError) as error:
        _fail(f"{folder} holds no evidence that can be read: {error!r}")
    certificate = result.as_json()
    text = json.dumps(certificate, ensure_ascii=False, indent=2)
    (folder / "certificate.json").write_text(text + "\n", encoding="utf-8")
    (folder / "certificate.html").write_text(render(certificate), encoding="utf-8")
    _out.print(f"{result.truth_calls} calls on the lines, {result.cloud_calls} in the cloud")
    for verdict, (_, english) in WORDS.items():
        _out.print(f"{result.count(verdict):6d} {english}")
    if not result.is_clean:
        raise typer.Exit(1)


class _Progress(progress.Progress):
    """A bar for what takes longest; nothing where nobody watches."""

    def __init__(self, console: Console) -> None:
        super().__init__(
            progress.TextColumn("{task.description:8}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
            refresh_per_second=1,
        )
        self._bars: dict[str, progress.TaskID] = {}

    def tell(self, what: str, done: int, of: int) -> None:
        """So many of so many."""
        if what not in self._bars:
            self._bars[what] = self.add_task(what, total=of)
        self.update(self._bars[what], completed=done)


def _stop(number: int, _frame: object) -> NoReturn:
    """A polite kill ends the run as Ctrl-C does: children first."""
    raise KeyboardInterrupt


def _fail(sentence: str) -> NoReturn:
    _errors.print(f"error: {sentence}", markup=False)
    raise typer.Exit(1)
