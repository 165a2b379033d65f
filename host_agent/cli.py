"""`cloudseat-agent`: the command line."""

from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from host_agent.errors import AgentError
from host_agent.settings import AgentSettings

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The CloudSeat agent on the desk PC.")

Port = Annotated[
    list[str] | None, typer.Option("--port", help="Serial port of a box; repeat for more. Default: all.")
]
Claim = Annotated[
    str | None, typer.Option("--claim-code", help="One-time code of the desk, from the console.")
]
Cloud = Annotated[str | None, typer.Option("--cloud-url", help="Address of the cloud.")]
Data = Annotated[Path | None, typer.Option("--data-dir", help="Folder for spool and recordings.")]
Clock = Annotated[
    str | None, typer.Option("--clock", help="system, or stepped://127.0.0.1:PORT of a simulator.")
]


@app.callback()
def main() -> None:
    """The CloudSeat agent on the desk PC."""


@app.command()
def run(
    port: Port = None,
    claim_code: Claim = None,
    cloud_url: Cloud = None,
    data_dir: Data = None,
    clock: Clock = None,
) -> None:
    """Serve the boxes of this PC until Ctrl-C.

    Every flag is also a setting CLOUDSEAT_AGENT_*; flags go first.

    Examples:

        cloudseat-agent run --claim-code 7K3M-92QX --cloud-url https://seats.example.org

        cloudseat-agent run --port /dev/ttyACM0
    """
    from host_agent.bootstrap import run_agent
    from host_agent.logs import set_up_logs

    settings = build_settings(
        ports=tuple(port) if port else None,
        claim_code=claim_code,
        cloud_url=cloud_url,
        data_dir=data_dir,
        clock=clock,
    )
    set_up_logs()
    try:
        reason = run_agent(settings)
    except AgentError as error:
        typer.echo(f"{error.code}: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(f"agent.stopped reason={reason}")


def build_settings(**flags: Any) -> AgentSettings:
    """Settings from the environment, with the flags that were given before them.

    Raises:
        typer.Exit: a setting is out of range; the message names it.
    """
    try:
        return AgentSettings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        for problem in error.errors():
            name = "_".join(str(part) for part in problem["loc"])
            typer.echo(f"settings.invalid: CLOUDSEAT_AGENT_{name.upper()}: {problem['msg']}", err=True)
        raise typer.Exit(2) from error


if __name__ == "__main__":
    app()
