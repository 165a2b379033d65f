"""The commands as a person meets them: results on stdout, one clear sentence when something is wrong."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE

import httpx
import pytest
from click.testing import Result
from typer.testing import CliRunner

from cloud_broker.bootstrap import Cloud, build_cloud
from cloud_broker.cli import app
from cloud_broker.demo.estate import build_estate
from cloud_broker.domain.times import china_day
from cloud_broker.handlers.people import LogInRefused
from cloud_broker.settings import Settings
from telephony.numbers import normalise
from tests.cloud_broker import world
from tests.cloud_broker.world import take_in

PROGRAM = Path(sys.executable).parent / "cloudseat-cloud"


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets settings by the environment; at first an own data directory and the demo."""

    def give(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"CLOUDSEAT_CLOUD_{name}", value)

    give(DATA_DIR=str(tmp_path / "cloud"), DEMO="true")
    return give


def run(*arguments: str, typed: str | None = None) -> Result:
    """A command in this process; a traceback would be its `exception`."""
    result = CliRunner().invoke(app, list(arguments), input=typed)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def test_seed_serve_and_stop() -> None:
    seeded = json.loads(run("seed-demo", "--json").stdout)
    assert [desk["desk"] for desk in seeded["desks"]] == ["tianyu-1", "tianyu-2"]
    assert {"username": "desk1", "password": "demo", "role": "agent"} in seeded["logins"]
    again = json.loads(run("seed-demo", "--json").stdout)
    assert again["desks"][0]["claim_code"] != seeded["desks"][0]["claim_code"]
    command = [PROGRAM, "serve", "--port", "0", "--api-only"]
    with socket.create_server(("127.0.0.1", 0)) as probe:
        metrics_port = probe.getsockname()[1]
    environment = os.environ | {
        "CLOUDSEAT_CLOUD_MQTT_PORT": "1",  # no broker: the web part works all the same
        "CLOUDSEAT_CLOUD_METRICS_PORT": str(metrics_port),
    }
    with subprocess.Popen(command, env=environment, stdout=PIPE, stderr=PIPE, text=True) as serve:
        try:
            assert serve.stdout is not None
            ready = re.fullmatch(r"cloud\.ready url=(http://127\.0\.0\.1:\d+)\n", serve.stdout.readline())
            assert ready is not None
            ask_for_a_resident(ready[1])
            assert "cloudseat_cloud_database_up 1" in httpx.get(
                f"http://127.0.0.1:{metrics_port}/metrics", trust_env=False
            ).text  # fmt: skip
            serve.send_signal(signal.SIGTERM)
            _, errors = serve.communicate(timeout=30)
        finally:
            serve.kill()
    assert serve.returncode in (0, -signal.SIGTERM)
    assert "Traceback" not in errors


def ask_for_a_resident(address: str) -> None:
    with httpx.Client(base_url=address, trust_env=False) as client:
        login = {"username": "desk1", "password": "demo"}
        token = client.post("/api/v1/tokens", json=login).json()["token"]
        client.headers["Authorization"] = f"Bearer {token}"
        found = client.get("/api/v1/residents", params={"q": "13800138000"}).json()["items"]
        assert [(r["name"], r["rooms"]) for r in found] == [("陈建国", ["一期-3栋-2单元-1102"])]
        assert len(client.get(f"/api/v1/residents/{found[0]['id']}").json()["tickets"]) >= 2


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"DEMO": "false"}, "set CLOUDSEAT_CLOUD_DEMO=true"),
        ({"PORT": "70000"}, "CLOUDSEAT_CLOUD_PORT: "),
        ({"CLOCK": "sundial"}, "give `system` or `stepped://127.0.0.1:PORT`"),
        ({"DATABASE_URL": "mysql://x"}, "CLOUDSEAT_CLOUD_DATABASE_URL: "),
        ({"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}, "Start it, or correct CLOUDSEAT_CLOUD_"),
        ({"MQTT_PASSWORD": "x"}, "mqtt_password without mqtt_username"),
        ({"CLOCK": "stepped://127.0.0.1:1"}, "The time service of the simulation does not answer"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_one_clear_message(
    settings: Callable[..., None], wrong: dict[str, str], sentence: str
) -> None:
    settings(**wrong)
    failed = run("seed-demo", "--json")
    assert (failed.exit_code, failed.stdout) == (1, "")
    assert sentence in failed.stderr


def test_demo_passwords_do_not_serve_outside_the_demo(settings: Callable[..., None]) -> None:
    run("seed-demo")
    settings(DEMO="false")
    failed = run("serve", "--port", "0")
    assert (failed.exit_code, "well-known demo passwords" in failed.stderr) == (1, True)


def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        failed = run("serve", "--port", str(port))
    assert failed.exit_code == 1
    assert f"Port {port} on 127.0.0.1 is taken" in failed.stderr


def test_a_claim_needs_a_desk() -> None:
    run("seed-demo")
    assert re.fullmatch(r"[A-Z2-9]{4}(-[A-Z2-9]{4}){2}\n", run("claim", "--desk", "tianyu-2").stdout)
    assert "no such thing: nowhere" in run("claim", "--desk", "nowhere").stderr


def test_mosquitto_files(tmp_path: Path) -> None:
    folder = tmp_path / "broker"
    made = run("mosquitto-config", "--dir", str(folder), "--port", "18999")
    assert made.stdout.strip() == str(folder / "mosquitto.conf")
    assert "listener 18999 127.0.0.1" in (folder / "mosquitto.conf").read_text()
    assert (folder / "passwd").read_text().startswith("_cloud:$7$")
    assert (folder / "passwd").stat().st_mode & 0o777 == 0o600


def test_the_estate_is_believable_and_always_the_same() -> None:
    estate = build_estate()
    assert estate == build_estate()
    assert 180 <= len(estate.units) <= 240
    assert 250 <= len(estate.people) <= 350
    numbers = [raw for person in estate.people for raw, _ in person.phones]
    e164 = {normalise(raw, area_code="027").e164 for raw in numbers}
    assert None not in e164
    assert {"+8613800138000", "+8613912345678", "+862156430144", "+861062345678"} <= e164
    assert "+8613700001111" not in e164
    assert any(left for person in estate.people for _, _, left in person.homes)


def test_a_real_cloud_is_set_up_by_command(settings: Callable[..., None]) -> None:
    settings(DEMO="false")
    desk = ("--desk", "yuan-1", "--name", "一期", "--project", "苑", "--area-code", "0755")
    assert run("add-desk", *desk).exit_code == 0
    assert "--desk: taken" in run("add-desk", *desk).stderr
    assert "--area-code: unknown" in run("add-desk", *desk[:-1], "755").stderr
    user = ("--username", "wang", "--name", "小王", "--role", "agent")
    assert "--desk: empty" in run("add-user", *user).stderr
    assert len(run("add-user", *user, "--desk", "yuan-1").stdout.strip()) == 16
    assert "--username: taken" in run("add-user", *user, "--desk", "yuan-1").stderr
    assert "--role: unknown" in run("add-user", *user[:-1], "king").stderr
    manager = ("--username", "lin", "--name", "林经理", "--role", "manager")
    assert "--desk: only_for_agents" in run("add-user", *manager, "--desk", "yuan-1").stderr
    assert run("add-user", *manager).exit_code == 0


def test_a_password_is_set_by_command_and_ends_the_sessions_before() -> None:
    run("seed-demo")
    with running_cloud() as cloud:
        opened = [cloud.people.log_in("desk1", "demo", address="", kind=kind) for kind in ("cookie", "token")]
    asked = run("set-password", "--username", "desk1", typed="a good one\na good one\n")
    assert (asked.exit_code, "a good one" in asked.output) == (0, False)
    with running_cloud() as cloud:
        assert [cloud.people.find_session(one.token, "cookie") for one in opened] == [None, None]
        assert cloud.people.find_session(opened[1].token, "token") is None
        assert cloud.people.log_in("desk1", "a good one", address="").user.username == "desk1"
        with pytest.raises(LogInRefused):
            cloud.people.log_in("desk1", "demo", address="")
    assert (
        "--username: unknown" in run("set-password", "--username", "x", typed="12345678\n12345678\n").stderr
    )
    short = run("set-password", "--username", "desk1", typed="short\nshort\n")
    assert (short.exit_code, "--password: too_short" in short.stderr) == (1, True)


def test_who_left_is_shut_out_by_command() -> None:
    run("seed-demo")
    with running_cloud() as cloud:
        token = cloud.people.log_in("desk1", "demo", address="", kind="token").token
        cloud.people.log_in("desk1", "demo", address="")
    assert run("disable-user", "--username", "desk1").exit_code == 0
    with running_cloud() as cloud:
        assert cloud.people.find_session(token, "token") is None
        with pytest.raises(LogInRefused):
            cloud.people.log_in("desk1", "demo", address="")
        assert cloud.reader.desk(world.HQ, "tianyu-1").on_duty is None
    assert "--username: unknown" in run("disable-user", "--username", "nobody").stderr


def test_a_cloud_is_saved_and_brought_back_by_command(settings: Callable[..., None], tmp_path: Path) -> None:
    run("seed-demo")
    folder = tmp_path / "backup"
    saved = run("backup", str(folder))
    assert (saved.exit_code, "0 recordings" in saved.stdout) == (0, True)
    assert "is not empty" in run("backup", str(folder)).stderr
    assert "The database is not empty" in run("restore", str(folder)).stderr
    settings(DATA_DIR=str(tmp_path / "other"))
    restored = run("restore", str(folder))
    assert (restored.exit_code, restored.stdout) == (
        0,
        f"{saved.stdout.split()[0]} rows, 0 recordings restored\n",
    )
    assert run("claim", "--desk", "tianyu-2").exit_code == 0
    assert "is no back-up" in run("restore", str(tmp_path)).stderr


def test_a_day_is_compared_by_command() -> None:
    run("seed-demo")
    with running_cloud() as cloud:
        box = world.Box(at_ms=cloud.clock.now_ms() - 3_600_000)
        said = [box.say("line_changed", n, state="normal", line_mv=48_000) for n in (1, 2, 3)]
        take_in(cloud, [said[0], said[2]], desk="tianyu-1")
        day = china_day(said[0].at_ms)
    found = run("reconcile", "--day", day)
    assert found.exit_code == 1
    assert f"missing  {day} {world.BOX} tianyu-1: events box -, PC -, cloud 2; missing" in found.stdout
    body = json.loads(run("reconcile", "--day", day, "--json").stdout)
    assert body["gaps"] == [{"kind": "event", "where": "unknown", "boot": world.BOOT, "first": 2, "last": 2}]
    quiet = run("reconcile", "--day", "2020-01-01")
    assert (quiet.exit_code, quiet.stderr) == (0, "nothing was stated on that day\n")
    for wrong in ("yesterday", "2999-01-01"):
        assert "--day: unknown" in run("reconcile", "--day", wrong).stderr


@contextmanager
def running_cloud() -> Iterator[Cloud]:
    cloud = build_cloud(Settings())
    yield cloud
    cloud.close()
