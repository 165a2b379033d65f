"""Starting: identity, lock, settings, credentials; and importing the agent where nothing of Unix is."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from host_agent.bootstrap import build_agent
from host_agent.cli import build_settings
from host_agent.credentials import enrol, load_credentials, mark_revoked, save_credentials
from host_agent.database import open_database
from host_agent.errors import AgentError
from host_agent.identity import begin_run
from host_agent.lock import InstanceLock
from host_agent.logs import mask_number, mask_numbers
from host_agent.settings import AgentSettings
from host_agent.time_anchor import format_utc, parse_utc
from tests.host_agent.cloud import FakeCloud
from tests.host_agent.page_desk import KEY

_IMPORT_ALL = """
import importlib, os, pathlib, pkgutil, subprocess, sys
import asyncio, cbor2, httpx, numpy, paho.mqtt.client, pydantic_settings, structlog
import typer
blocked = {"fcntl", "termios", "pty", "pwd", "resource", "grp", "tty"}
for name in blocked:
    sys.modules[name] = None
os.name = "nt"
import host_agent
names = [module.name for module in pkgutil.walk_packages(host_agent.__path__, "host_agent.")]
for name in names:
    importlib.import_module(name)
assert "serial" not in sys.modules
print(len(names))
"""


def test_it_imports_where_nothing_of_unix_is() -> None:
    done = subprocess.run([sys.executable, "-c", _IMPORT_ALL], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 30


def test_each_run_is_a_new_boot_of_the_same_agent(tmp_path: Path) -> None:
    path = tmp_path / "identity.json"
    first, second = begin_run(path), begin_run(path)
    assert first.agent_id == second.agent_id
    assert first.boot.split("-")[0] == second.boot.split("-")[0]
    assert [first.boot.split("-")[1], second.boot.split("-")[1]] == ["1", "2"]


def test_a_damaged_counter_begins_a_new_life(tmp_path: Path) -> None:
    path = tmp_path / "identity.json"
    first = begin_run(path)
    path.write_text(path.read_text().replace('"count": 1', '"count": 0'))
    second = begin_run(path)
    assert second.agent_id == first.agent_id and second.boot.split("-")[0] != first.boot.split("-")[0]
    path.write_bytes(b"\0" * 40)
    third = begin_run(path, enrolled_as=first.agent_id)
    assert third.agent_id == first.agent_id and third.boot.endswith("-1")


def test_a_counter_that_cannot_be_written_ends_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "identity.json.new").mkdir()
    with pytest.raises(AgentError, match="Free some space") as caught:
        begin_run(tmp_path / "identity.json")
    assert caught.value.code == "identity.unwritable"


def test_a_second_agent_is_told_to_use_the_first(tmp_path: Path) -> None:
    lock = InstanceLock(tmp_path)
    with pytest.raises(AgentError, match=f"process {os.getpid()}") as caught:
        InstanceLock(tmp_path)
    assert caught.value.code == "agent.running"
    lock.release()
    InstanceLock(tmp_path).release()


def test_a_wrong_setting_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        build_settings(cloud_url="cloud.example.org")
    assert "CLOUDSEAT_AGENT_CLOUD_URL" in capsys.readouterr().err


def test_ports_come_as_a_comma_list_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDSEAT_AGENT_PORTS", "COM3, COM5")
    assert AgentSettings().ports == ("COM3", "COM5")


def test_credentials_are_kept_for_this_user_only(tmp_path: Path, cloud: FakeCloud) -> None:
    credentials = enrol(cloud.url, "CLAIM", "a1b2c3d4e5f6", "desk-pc", "0.1.0")
    save_credentials(tmp_path, credentials)
    assert load_credentials(tmp_path) == credentials
    path = tmp_path / "credentials.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert "secret" not in repr(credentials) and cloud.url not in path.read_text()


def test_revoked_credentials_open_no_page_in_any_run_until_there_are_new_ones(
    tmp_path: Path, cloud: FakeCloud
) -> None:
    def start() -> str:
        """The page's key in a new run."""
        settings = AgentSettings(data_dir=tmp_path, cloud_url="http://127.0.0.1:1", ports=("P1",))
        with contextlib.closing(open_database(tmp_path / "spool.sqlite", 10)) as database:
            agent = build_agent(settings, begin_run(tmp_path / "identity.json"), credentials, database)
            assert agent.broker is not None
            agent.broker.stop()
            agent.core.parts.recordings.close()
            return agent.core.parts.desk.window.page_key

    cloud.mqtt_port = 1
    credentials = enrol(cloud.url, "CLAIM", "a1b2c3d4e5f6", "desk-pc", "0.1.0")
    save_credentials(tmp_path, credentials)
    assert start() == KEY
    mark_revoked(tmp_path)
    assert [start(), start()] == ["", ""]
    save_credentials(tmp_path, credentials)
    assert start() == KEY


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"desk": "Not A Desk"}'])
def test_damaged_credentials_say_what_to_do(tmp_path: Path, text: str) -> None:
    (tmp_path / "credentials.json").write_text(text)
    with pytest.raises(AgentError, match="claim code") as caught:
        load_credentials(tmp_path)
    assert caught.value.code == "credentials.damaged"


def test_a_spent_claim_code_says_where_to_get_another(cloud: FakeCloud) -> None:
    with pytest.raises(AgentError, match="console") as caught:
        enrol(cloud.url, "OLD", "a1b2c3d4e5f6", "desk-pc", "0.1.0")
    assert caught.value.code == "enrol.refused"


def test_times_are_utc_with_milliseconds_both_ways() -> None:
    assert format_utc(1_773_737_760_123) == "2026-03-17T08:56:00.123Z"
    assert parse_utc("2026-03-17T16:56:00.123+08:00") == 1_773_737_760_123
    with pytest.raises(ValueError, match="zone"):
        parse_utc("2026-03-17T08:56:00")


@pytest.mark.parametrize("text", ["tel:{}", "called {}.", "{}: busy", '{{"n":{}}}', "+{}"])
def test_a_number_is_masked_whatever_stands_beside_it(text: str) -> None:
    assert "2345" not in mask_numbers(None, "info", {"problem": text.format("13912345678")})["problem"]


def test_numbers_are_masked_and_ids_are_not() -> None:
    facts = {"event": "call.seen", "text": "from 13912345678 to +8601087654321", "source": "123456789012"}
    masked = mask_numbers(None, "info", dict(facts))
    assert json.dumps(masked) == json.dumps(
        {"event": "call.seen", "text": "from 139****5678 to +86*******4321", "source": "123456789012"}
    )
    assert mask_number("12345") == "***45"
