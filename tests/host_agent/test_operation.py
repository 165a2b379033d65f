"""Operation: the doctor's findings, the service files, the metrics."""

import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families
from typer.testing import CliRunner

from host_agent.cli import app
from host_agent.credentials import enrol, mark_revoked, save_credentials
from host_agent.doctor import Finding, examine, find_driverless
from host_agent.errors import AgentError
from host_agent.install.services import build_service
from host_agent.lock import InstanceLock
from host_agent.logs import set_up_logs
from host_agent.metrics import MetricsServer, build_metrics
from host_agent.ports import Instant
from host_agent.settings import AgentSettings
from tests.cloud_broker.brokers import free_port
from tests.host_agent.board import Board, Cable
from tests.host_agent.cloud import FakeCloud
from tests.host_agent.conftest import Mosquitto
from tests.host_agent.desk import Desk
from tests.host_agent.page_desk import KEY, page_desk


def look(settings: AgentSettings) -> dict[str, Finding]:
    return {finding.name: finding for finding in examine(settings)}


@pytest.mark.needs("mosquitto")
def test_a_healthy_pc_passes(tmp_path: Path, cloud: FakeCloud, cable: Cable, mosquitto: Mosquitto) -> None:
    cloud.mqtt_port = mosquitto.port
    save_credentials(tmp_path, enrol(cloud.url, "CLAIM", "a1b2c3d4e5f6", "desk-pc", "0.1.0"))
    settings = AgentSettings(
        data_dir=tmp_path, cloud_url=cloud.url, ports=(cable.path,), disk_reserve_mb=0, page_port=free_port()
    )
    findings = look(settings)
    assert [finding for finding in findings.values() if finding.passed is not True] == []
    assert "MQTT 5" in findings["broker"].value


def test_each_fault_is_found_with_its_remedy(tmp_path: Path, cloud: FakeCloud) -> None:
    cloud.now_ms = lambda: 0
    (tmp_path / "spool.sqlite").write_bytes(b"x" * 5000)
    settings = AgentSettings(
        data_dir=tmp_path,
        cloud_url=cloud.url,
        ports=("/dev/ttyNOTHERE",),
        page_port=0,
        disk_reserve_mb=1_000_000,
    )
    findings = look(settings)
    failed = {name for name, finding in findings.items() if finding.passed is False}
    assert failed == {"disk", "spool", "port /dev/ttyNOTHERE", "clock", "credentials"}
    assert all(findings[name].remedy for name in failed)
    assert findings["broker"].passed is None


@pytest.mark.parametrize("is_running", [False, True])
def test_a_broker_that_is_not_there_is_found(
    tmp_path: Path, cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch, is_running: bool
) -> None:
    monkeypatch.setattr("host_agent.doctor.BROKER_TIMEOUT_S", 0.2)
    cloud.mqtt_port = free_port()
    save_credentials(tmp_path, enrol(cloud.url, "CLAIM", "a1b2c3d4e5f6", "desk-pc", "0.1.0"))
    lock = InstanceLock(tmp_path)
    if not is_running:
        lock.release()
    settings = AgentSettings(data_dir=tmp_path, cloud_url=cloud.url, ports=("/dev/ttyNOTHERE",), page_port=0)
    finding = look(settings)["broker"]
    lock.release()
    assert finding.passed is False
    assert f"127.0.0.1:{cloud.mqtt_port}" in finding.value
    assert finding.remedy.startswith("Check the network and the broker")


def test_beside_a_running_agent_the_port_is_left_alone(
    tmp_path: Path, cloud: FakeCloud, cable: Cable
) -> None:
    lock = InstanceLock(tmp_path)
    settings = AgentSettings(data_dir=tmp_path, cloud_url=cloud.url, ports=(cable.path,), page_port=0)
    findings = look(settings)
    lock.release()
    assert findings[f"port {cable.path}"].passed is None
    assert "an agent is running" in findings["data folder"].value


def test_credentials_that_the_cloud_took_back_are_found(tmp_path: Path, cloud: FakeCloud) -> None:
    save_credentials(tmp_path, enrol(cloud.url, "CLAIM", "a1b2c3d4e5f6", "desk-pc", "0.1.0"))
    mark_revoked(tmp_path)
    finding = look(AgentSettings(data_dir=tmp_path, cloud_url=cloud.url, page_port=0))["credentials"]
    assert finding.passed is False and "claim code" in finding.remedy


def test_the_desk_page_is_asked_and_another_program_on_its_port_is_found(
    tmp_path: Path, cloud: FakeCloud
) -> None:
    def look_at(port: int) -> Finding:
        return look(AgentSettings(data_dir=tmp_path, cloud_url="http://127.0.0.1:1", page_port=port))[
            "desk page"
        ]

    other_port = urlsplit(cloud.url).port or 0
    with page_desk(tmp_path) as desk:
        lock = InstanceLock(tmp_path)
        assert look_at(desk.page.port).passed is True
        assert look_at(other_port).passed is False
        lock.release()
    assert look_at(other_port).passed is False and "PAGE_PORT" in look_at(other_port).remedy
    assert look_at(free_port()).passed is True
    assert look_at(0).passed is None


def test_the_doctor_exits_1_when_something_is_to_be_done(tmp_path: Path, cloud: FakeCloud) -> None:
    flags = ["doctor", "--json", "--data-dir", str(tmp_path), "--cloud-url", cloud.url]
    done = CliRunner().invoke(app, flags)
    assert done.exit_code == 1
    assert '"name": "credentials", "passed": false' in done.stdout


def test_the_page_opens_from_the_command_line(tmp_path: Path, cloud: FakeCloud) -> None:
    flags = ["page", "--print", "--data-dir", str(tmp_path)]
    assert CliRunner().invoke(app, flags).exit_code == 1  # not enrolled
    save_credentials(tmp_path, enrol(cloud.url, "CLAIM", "a1b2c3d4e5f6", "desk-pc", "0.1.0"))
    assert CliRunner().invoke(app, flags).stdout.strip() == f"http://127.0.0.1:8130/?key={KEY}"
    switched_off = CliRunner().invoke(app, flags, env={"CLOUDSEAT_AGENT_PAGE_PORT": "0"})
    assert switched_off.exit_code == 1
    mark_revoked(tmp_path)
    revoked = CliRunner().invoke(app, flags)
    assert revoked.exit_code == 1 and KEY not in revoked.output


def test_a_cloud_that_is_not_there_leaves_the_clock_open(tmp_path: Path) -> None:
    settings = AgentSettings(
        data_dir=tmp_path, cloud_url="http://127.0.0.1:1", ports=("/dev/ttyNOTHERE",), page_port=0
    )
    findings = look(settings)
    assert (findings["cloud"].passed, findings["clock"].passed) == (False, None)
    assert findings["cloud"].remedy


def test_a_bridge_without_a_driver_is_found(tmp_path: Path) -> None:
    for name, vendor, product, port in (
        ("1-1", "1a86", "7523", None),
        ("1-2", "10c4", "ea60", "1-2:1.0/ttyUSB0"),
        ("1-3", "303a", "4001", "1-3:1.0/tty/ttyACM0"),
        ("1-4", "046d", "c52b", None),
        ("1-5", "zz", "7523", None),
    ):
        device = tmp_path / name
        (device / (port or "x")).mkdir(parents=True)
        (device / "idVendor").write_text(f"{vendor}\n")
        (device / "idProduct").write_text(f"{product}\n")
    assert find_driverless(tmp_path) == ["CH340 at USB 1-1"]
    assert find_driverless(tmp_path / "absent") == []


def test_the_systemd_unit_is_one(tmp_path: Path) -> None:
    program = tmp_path / "100% cloud seat"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / "cloudseat-agent.service"
    unit.write_text(build_service("systemd", program))
    assert f'ExecStart="{str(program).replace("%", "%%")}" run\n' in unit.read_text()
    verify = shutil.which("systemd-analyze")
    if verify is None:
        pytest.skip("no systemd here")
    command = [verify, "verify", "--user", str(unit)]
    done = subprocess.run(
        command, env={"XDG_RUNTIME_DIR": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


#: The children each element may have (Microsoft, Task Scheduler Schema Complex Types).
TASK_SCHEMA = {
    "Task": {"RegistrationInfo", "Triggers", "Settings", "Data", "Principals", "Actions"},
    "Triggers": {"LogonTrigger", "BootTrigger", "CalendarTrigger", "TimeTrigger"},
    "LogonTrigger": {"Enabled", "StartBoundary", "EndBoundary", "Repetition", "UserId", "Delay"},
    "Repetition": {"Interval", "Duration", "StopAtDurationEnd"},
    "Settings": {
        "MultipleInstancesPolicy", "DisallowStartIfOnBatteries", "StopIfGoingOnBatteries",
        "ExecutionTimeLimit", "RestartOnFailure", "AllowStartOnDemand", "StartWhenAvailable",
        "Enabled", "Hidden", "Priority",
    },
    "RestartOnFailure": {"Interval", "Count"},
    "Actions": {"Exec"},
    "Exec": {"Command", "Arguments", "WorkingDirectory"},
}  # fmt: skip


def test_the_windows_task_follows_the_schema_of_the_task_scheduler() -> None:
    task = ElementTree.fromstring(build_service("windows", Path("C:/A & B/cloudseat-agent.exe")).encode())
    space = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"
    assert task.tag == f"{space}Task" and task.get("version") == "1.2"
    texts: dict[str, str] = {}
    for element in task.iter():
        name = element.tag.removeprefix(space)
        children = [child.tag.removeprefix(space) for child in element]
        assert set(children) <= TASK_SCHEMA.get(name, set()), name
        assert len(children) == len(set(children)), name
        texts[name] = element.text or ""
    assert texts["Command"] == "C:/A & B/cloudseat-agent.exe" and texts["Arguments"] == "run"
    assert texts["MultipleInstancesPolicy"] in ("Parallel", "Queue", "IgnoreNew", "StopExisting")
    assert 1 <= int(texts["Count"]) <= 255  # unsignedByte
    assert re.fullmatch(r"PT[1-9]\d*M", texts["Interval"])  # PT1M..P31D
    assert texts["ExecutionTimeLimit"] == "PT0S"  # none


def test_there_is_no_third_kind_of_service() -> None:
    with pytest.raises(AgentError, match="Choose systemd or windows"):
        build_service("launchd", Path("x"))


def test_metrics_are_well_formed_and_true(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    board = desk.plug("P1", Board())
    board.state("ring_started", 5, call=0)
    desk.run(3000)
    text = build_metrics(desk.core, 2, desk.clock.now())
    families = {family.name: family for family in text_string_to_metric_families(text)}
    values = {s.name: s.value for family in families.values() for s in family.samples if not s.labels}
    assert values["cloudseat_agent_boxes_attached"] == 1
    assert values["cloudseat_agent_core_failures_total"] == 2
    assert values["cloudseat_agent_spool_waiting_events"] == 2
    assert 2 < values["cloudseat_agent_spool_oldest_seconds"] < 4
    for family in filter(lambda family: family.samples, families.values()):
        assert family.documentation
        assert family.type == ("counter" if family.samples[0].name.endswith("_total") else "gauge")


def test_metrics_are_served_on_loopback() -> None:
    server = MetricsServer(0)
    server.update(Instant(0, 0), lambda: "first\n")
    server.update(Instant(0, 4999), lambda: "too soon\n")
    assert httpx.get(f"http://127.0.0.1:{server.port}/metrics").text == "first\n"
    assert httpx.get(f"http://127.0.0.1:{server.port}/").status_code == 404
    with pytest.raises(AgentError, match="another one"):
        MetricsServer(server.port)
    server.close()


def test_logs_are_json_with_masked_numbers(capfd: pytest.CaptureFixture[str]) -> None:
    before = structlog.get_config()
    try:
        set_up_logs()
        log = structlog.get_logger()
        log.warning("dial.refused", problem="no line for 13800138000", call="a1b2c3d4e5f6-1f2e3d4c-7-12")
        log.warning("x", source="138001380001", text="call 075523451234 back")
    finally:
        structlog.configure(**before)
    dial, text = (json.loads(line) for line in capfd.readouterr().err.splitlines())
    assert (dial["event"], dial["level"]) == ("dial.refused", "warning")
    assert (dial["problem"], dial["call"]) == ("no line for 138****8000", "a1b2c3d4e5f6-1f2e3d4c-7-12")
    assert (text["text"], text["source"]) == ("call 075*****1234 back", "138001380001")
