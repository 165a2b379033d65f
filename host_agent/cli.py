"""`cloudseat-agent`: the command line."""

import json
import webbrowser
from dataclasses import asdict
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


@app.command()
def doctor(
    port: Port = None,
    cloud_url: Cloud = None,
    data_dir: Data = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a finding.")] = False,
) -> None:
    """Look at ports, disk, spool, cloud, clock, credentials and broker; exit 1 if something is to be done.

    Examples:

        cloudseat-agent doctor

        cloudseat-agent doctor --json
    """
    from host_agent.doctor import examine

    settings = build_settings(ports=tuple(port) if port else None, cloud_url=cloud_url, data_dir=data_dir)
    findings = examine(settings)
    for finding in findings:
        if as_json:
            typer.echo(json.dumps(asdict(finding), ensure_ascii=False))
        else:
            mark = {True: "ok  ", False: "FAIL", None: "-   "}[finding.passed]
            typer.echo(f"{mark} {finding.name}: {finding.value}")
            if finding.remedy:
                typer.echo(f"     {finding.remedy}")
    if any(finding.passed is False for finding in findings):
        raise typer.Exit(1)


@app.command()
def page(
    data_dir: Data = None,
    shows_address: Annotated[
        bool, typer.Option("--print", help="Print the address, with its key, and open no browser.")
    ] = False,
) -> None:
    """Open this PC's own page, which pops and takes drafts without the cloud.

    The console hands over to it by itself; this is for a browser that was not open when the cloud went away.
    """
    from host_agent.credentials import REVOKED_REMEDY, is_revoked, load_credentials
    from protocol.desk_page import derive_page_key, hash_token

    settings = build_settings(data_dir=data_dir)
    try:
        credentials = load_credentials(settings.data_dir)
    except AgentError as error:
        typer.echo(f"{error.code}: {error}", err=True)
        raise typer.Exit(1) from error
    if credentials is None or not settings.has_page:
        typer.echo("page.none: this PC is not enrolled, or CLOUDSEAT_AGENT_PAGE_PORT is 0.", err=True)
        raise typer.Exit(1)
    if is_revoked(settings.data_dir):
        typer.echo(f"credentials.revoked: the cloud took them back. {REVOKED_REMEDY}", err=True)
        raise typer.Exit(1)
    key = derive_page_key(hash_token(credentials.upload_token.get_secret_value()))
    address = f"http://127.0.0.1:{settings.page_port}/?key={key}"
    if shows_address:
        typer.echo(address)
    elif not webbrowser.open(address):
        typer.echo("page.no_browser: no browser could be opened; run with --print.", err=True)
        raise typer.Exit(1)


@app.command()
def service(
    system: Annotated[str, typer.Option("--for", help="systemd or windows.")] = "systemd",
) -> None:
    """Print the service definition for this PC, to be installed as docs/howto/agent.md says.

    Examples:

        cloudseat-agent service > ~/.config/systemd/user/cloudseat-agent.service

        cloudseat-agent service --for windows > cloudseat-agent.xml
    """
    from host_agent.install.services import build_service

    try:
        typer.echo(build_service(system), nl=False)
    except AgentError as error:
        typer.echo(f"{error.code}: {error}", err=True)
        raise typer.Exit(2) from error


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
