"""`cloudseat-cloud`: the commands of the cloud."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import Progress, TaskID

from cloud_broker.adapters.mosquitto import write_config
from cloud_broker.adapters.objects import open_store
from cloud_broker.adapters.sql.engine import Database
from cloud_broker.bootstrap import Cloud, build_cloud, build_connection, build_consumer, build_nightly
from cloud_broker.demo import seed_demo
from cloud_broker.domain.reconciliation import WHOLE
from cloud_broker.domain.views import Invalid, NotFound
from cloud_broker.errors import CloudError, SettingsRefused
from cloud_broker.handlers.backup import Tell, back_up
from cloud_broker.handlers.backup import restore as restore_backup
from cloud_broker.handlers.consumer import Consumer
from cloud_broker.handlers.reconcile import reconcile_day
from cloud_broker.handlers.setup import DEFAULT_LINES, add_desk, add_user
from cloud_broker.log import configure_logging
from cloud_broker.metrics import MetricsServer, build_metrics
from cloud_broker.settings import Settings
from cloud_broker.web.app import build_app
from cloud_broker.web.server import Server, open_socket
from cloud_broker.web.static_files import StaticMissing

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, pretty_exceptions_enable=False)

DataDir = Annotated[Path | None, typer.Option(help="database, recordings and secret key live here")]


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="address of the web part")] = None,
    port: Annotated[int | None, typer.Option(help="port of the web part; 0 takes a free one")] = None,
    data_dir: DataDir = None,
    api_only: Annotated[bool, typer.Option(help="no console: needs no front-end files")] = False,
) -> None:
    """Run the web part and the consumer in one process, after bringing the database up to date.

    Example: CLOUDSEAT_CLOUD_DEMO=true cloudseat-cloud serve --port 8000
    """
    with _clear_errors():
        settings = load_settings(host=host, port=port, data_dir=data_dir)
        with open_socket(settings.host, settings.port) as listener, _open_cloud(settings) as cloud:
            cloud.enrolment.write_broker_passwords()
            consumer = build_consumer(cloud, build_connection(cloud))
            address = f"http://{settings.host}:{listener.getsockname()[1]}"
            server = Server(
                build_app(cloud, pages=not api_only),
                on_ready=lambda: print(f"cloud.ready url={address}", flush=True),
                on_stop=cloud.hub.end_streams,
            )
            nightly = build_nightly(cloud)
            with _serving_metrics(cloud, consumer):
                consumer.start()
                nightly.start()
                try:
                    server.run(sockets=[listener])
                finally:
                    nightly.close()
                    consumer.close()


@app.command()
def migrate(data_dir: DataDir = None) -> None:
    """Bring the database's schema up to date (`serve` does it too)."""
    with _clear_errors(), _open_cloud(load_settings(data_dir=data_dir)) as cloud:
        print(f"migrated {cloud.database.engine.url.render_as_string()}")


@app.command()
def reconcile(
    day: Annotated[str | None, typer.Option(help="in Asia/Shanghai, 2026-03-17; default: yesterday")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object a box and day")] = False,
    data_dir: DataDir = None,
) -> None:
    """Compare what boxes, desk PCs and the cloud counted on a day; exit 1 if something is missing.

    It runs each night by itself (CLOUDSEAT_CLOUD_RECONCILE_AT); running it again changes nothing.

    Examples:

        cloudseat-cloud reconcile

        cloudseat-cloud reconcile --day 2026-03-17 --json
    """
    with _clear_errors(), _open_cloud(load_settings(data_dir=data_dir)) as cloud:
        compared = reconcile_day(cloud.database, cloud.clock.now_ms(), day)
        for one in compared:
            print(json.dumps(one.describe(), ensure_ascii=False) if as_json else one.describe_line())
        if not compared:
            print("nothing was stated on that day", file=sys.stderr)
        if any(one.result.state != WHOLE for one in compared):
            raise typer.Exit(1)


@app.command()
def backup(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="a new folder")], data_dir: DataDir = None
) -> None:
    """Write database, recordings and secret key into DIR, with hashes; the cloud may run meanwhile.

    Exit 1 if a recording is not in the store as the database says; all others are in the back-up.

    Example: cloudseat-cloud backup /backup/2026-03-17
    """
    with _clear_errors(), _open_cloud(load_settings(data_dir=data_dir)) as cloud, _progress() as tell:
        now_ms = cloud.clock.now_ms()
        report = back_up(cloud.database, cloud.store, cloud.settings.data_dir, folder, now_ms, tell)
    print(f"{report.rows} rows, {report.recordings} recordings, {report.bytes} bytes in {folder}")
    for call in report.damaged:
        print(f"not in the store as it was verified: {call}", file=sys.stderr)
    if report.damaged:
        raise typer.Exit(1)


@app.command()
def restore(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="made by `backup`")], data_dir: DataDir = None
) -> None:
    """Bring a back-up into an empty database and an empty store, after checking every hash.

    Then start `serve`; what desk PCs committed after the back-up is asked for again (docs/howto/run.md).

    Example: CLOUDSEAT_CLOUD_DATABASE_URL=postgresql://… cloudseat-cloud restore /backup/2026-03-17
    """
    with _clear_errors(), _progress() as tell:
        configure_logging()
        settings = load_settings(data_dir=data_dir)
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        database = Database(settings.database)
        try:
            database.check()
            report = restore_backup(
                database, open_store(settings.recordings), settings.data_dir, folder, tell
            )
        finally:
            database.close()
    print(f"{report.rows} rows, {report.recordings} recordings restored")


@app.command("seed-demo")
def seed(
    as_json: Annotated[bool, typer.Option("--json", help="desks, claim codes and log-ins as JSON")] = False,
    data_dir: DataDir = None,
) -> None:
    """Fill an empty database with a believable estate; only with CLOUDSEAT_CLOUD_DEMO=true.

    Example: CLOUDSEAT_CLOUD_DEMO=true cloudseat-cloud seed-demo --json
    """
    with _clear_errors(), _open_cloud(load_settings(data_dir=data_dir)) as cloud:
        seeded = seed_demo(cloud)
        if as_json:
            print(json.dumps(seeded, ensure_ascii=False))
            return
        for desk in seeded["desks"]:
            print(f"{desk['desk']}  {desk['name']}  claim code {desk['claim_code']}")
        for login in seeded["logins"]:
            print(f"{login['username']} / {login['password']}  ({login['role']})")


@app.command()
def claim(
    desk: Annotated[str, typer.Option(help="id of the desk")],
    data_dir: DataDir = None,
) -> None:
    """Make a claim code for a desk PC: valid once, for seven days."""
    with _clear_errors(), _open_cloud(load_settings(data_dir=data_dir)) as cloud:
        print(cloud.enrolment.make_code(desk))


@app.command()
def revoke(
    agent: Annotated[str, typer.Option(help="id of the agent: 12 hex digits")],
    data_dir: DataDir = None,
) -> None:
    """Take an agent's token back; the next time it asks, it erases the roster it keeps.

    With the last agent of a desk the desk's broker password is changed.
    """
    with _clear_errors(), _open_cloud(load_settings(data_dir=data_dir)) as cloud:
        left = cloud.enrolment.revoke(agent)
        if left:
            print(f"It still knows the broker password of its desk, which {', '.join(left)} use too.")
            print("If that PC was stolen, revoke these as well and enrol them again (`claim`).")
        else:
            print("The desk's broker password is changed too.")
            if cloud.settings.mosquitto_dir is None:
                print("No CLOUDSEAT_CLOUD_MOSQUITTO_DIR is set: take the old one out of your broker by hand.")


@app.command("add-desk")
def new_desk(
    desk: Annotated[str, typer.Option(help="id: a-z, 0-9 and '-'")],
    name: Annotated[str, typer.Option(help="as people call it")],
    project: Annotated[str, typer.Option(help="name of the project; made if it is new")],
    area_code: Annotated[str, typer.Option(help="of the project's lines, with its 0: 027")],
    branch: Annotated[str, typer.Option(help="of a new project")] = "",
    lines: Annotated[int, typer.Option(min=1, help="boxes the desk may have")] = DEFAULT_LINES,
    data_dir: DataDir = None,
) -> None:
    """Add a desk.

    Example: cloudseat-cloud add-desk --desk tianyu-1 --name 一期服务台 --project 天屿花园 --area-code 027
    """
    with _clear_errors(), _open_cloud(load_settings(data_dir=data_dir)) as cloud:
        add_desk(cloud.database, desk, name, project=project, branch=branch, area_code=area_code, lines=lines)


@app.command("add-user")
def new_user(
    username: Annotated[str, typer.Option(help="log-in name")],
    name: Annotated[str, typer.Option(help="as colleagues see it")],
    role: Annotated[str, typer.Option(help="agent, manager, hq or admin")],
    desk: Annotated[str | None, typer.Option(help="an agent's desk")] = None,
    data_dir: DataDir = None,
) -> None:
    """Add a log-in; its password is printed once.

    Example: cloudseat-cloud add-user --username wang --name 小王 --role agent --desk tianyu-1
    """
    with _clear_errors(), _open_cloud(load_settings(data_dir=data_dir)) as cloud:
        print(add_user(cloud.database, cloud.people, username, name, role, desk))


@app.command("set-password")
def set_password(
    username: Annotated[str, typer.Option(help="log-in name")],
    data_dir: DataDir = None,
) -> None:
    """Give a person a new password, which is asked for twice; sessions and tokens of theirs are closed.

    Example: cloudseat-cloud set-password --username wang
    """
    with _clear_errors(), _open_cloud(load_settings(data_dir=data_dir)) as cloud:
        password = typer.prompt("New password", hide_input=True, confirmation_prompt=True, err=True)
        cloud.people.set_password(username, password)


@app.command("disable-user")
def disable_user(
    username: Annotated[str, typer.Option(help="log-in name")],
    data_dir: DataDir = None,
) -> None:
    """Shut a person out; sessions and tokens of theirs are closed. What they did keeps their name.

    Example: cloudseat-cloud disable-user --username wang
    """
    with _clear_errors(), _open_cloud(load_settings(data_dir=data_dir)) as cloud:
        cloud.people.disable(username)


@app.command("mosquitto-config")
def mosquitto_config(
    folder: Annotated[Path, typer.Option("--dir", help="where mosquitto.conf, acl and passwd go")],
    port: Annotated[int, typer.Option(help="port the broker listens on, loopback only")] = 1883,
    data_dir: DataDir = None,
) -> None:
    """Write Mosquitto's configuration; run it by `mosquitto -c DIR/mosquitto.conf`.

    Then start the cloud with CLOUDSEAT_CLOUD_MOSQUITTO_DIR=DIR, so that enrolled desks are let in.
    """
    with _clear_errors():
        write_config(folder, port)
        with _open_cloud(load_settings(data_dir=data_dir, mosquitto_dir=folder)) as cloud:
            cloud.enrolment.write_broker_passwords()
        print(folder / "mosquitto.conf")


def load_settings(**flags: Any) -> Settings:
    """The environment, overruled by the flags that were given.

    Raises:
        SettingsRefused.
    """
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        prefix = "CLOUDSEAT_CLOUD_"
        lines = [f"{prefix}{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors()]
        raise SettingsRefused(lines) from error


@contextmanager
def _serving_metrics(cloud: Cloud, consumer: Consumer) -> Iterator[None]:
    """On their own port of 127.0.0.1, if the settings name one."""
    if not cloud.settings.metrics_port:
        yield
        return
    metrics = MetricsServer(cloud.settings.metrics_port, lambda: build_metrics(cloud.database, consumer))
    try:
        yield
    finally:
        metrics.close()


@contextmanager
def _progress() -> Iterator[Tell]:
    """Bars on a terminal, nothing elsewhere."""
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as bars:
        tasks: dict[str, TaskID] = {}

        def tell(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.advance(tasks[what], done)

        yield tell


@contextmanager
def _open_cloud(settings: Settings) -> Iterator[Cloud]:
    configure_logging()
    cloud = build_cloud(settings)
    try:
        yield cloud
    finally:
        cloud.close()


@contextmanager
def _clear_errors() -> Iterator[None]:
    """An expected error is a sentence on stderr and exit status 1, never a traceback."""
    try:
        yield
    except NotFound as error:
        print(f"cloudseat-cloud: no such thing: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
    except Invalid as error:
        print(f"cloudseat-cloud: --{error.field.replace('_', '-')}: {error.reason}", file=sys.stderr)
        raise typer.Exit(1) from error
    except (CloudError, StaticMissing) as error:
        print(f"cloudseat-cloud: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
