"""`cloudseat-agent doctor`: is everything there that this PC needs? Each finding passes, or says what to
do."""

import queue
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from host_agent.clock import SystemClock
from host_agent.cloud_link import measure_offset
from host_agent.credentials import REVOKED_REMEDY, Credentials, is_revoked, load_credentials
from host_agent.database import open_database
from host_agent.desk.guard import GREETING
from host_agent.desk.page import HOST
from host_agent.disk import MB, read_free_bytes
from host_agent.errors import AgentError
from host_agent.lock import InstanceLock
from host_agent.mqtt import PahoBroker
from host_agent.ports import BrokerUp
from host_agent.serial_link import BRIDGES, UNKNOWN_BRIDGE, BridgeKind, find_ports, open_device
from host_agent.settings import AgentSettings
from host_agent.spool import Spool

MAX_OFFSET_MS = 60_000
"""The PC's clock further from the cloud's than this is a finding: people compare what the screen says."""
BROKER_TIMEOUT_S = 8.0
BROKER_REMEDY = "Check the network and the broker; if it refuses, enrol this PC again."
PAGE_TIMEOUT_S = 2.0
USB_DEVICES = "/sys/bus/usb/devices"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `passed` None: it could not be, `value` says why."""

    name: str
    passed: bool | None
    value: str
    remedy: str = ""


def examine(settings: AgentSettings) -> list[Finding]:
    """Look at everything, in the order in which a fault is best looked for. Changes nothing."""
    findings: list[Finding] = []
    is_running = _is_running(settings.data_dir)
    findings.append(_look("data folder", lambda: _look_at_folder(settings, is_running)))
    findings.append(_look("disk", lambda: _look_at_disk(settings)))
    findings.append(_look("spool", lambda: _look_at_spool(settings)))
    findings.extend(_look_at_ports(settings, is_running))
    findings.extend(_look_at_cloud(settings))
    findings.append(_look("credentials", lambda: _look_at_credentials(settings)))
    findings.append(_look("broker", lambda: _look_at_broker(settings, is_running)))
    findings.append(_look("desk page", lambda: _look_at_page(settings, is_running)))
    return findings


def _look(name: str, look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except AgentError as error:
        return Finding(name, False, error.problem, error.remedy)
    except OSError as error:
        return Finding(name, False, str(error), "Read the message; it comes from the operating system.")


def _is_running(data_dir: Path) -> bool:
    if not data_dir.exists():
        return False
    try:
        InstanceLock(data_dir).release()
    except AgentError as error:
        return error.code == "agent.running"
    return False


def _look_at_folder(settings: AgentSettings, is_running: bool) -> Finding:
    if not is_running and settings.data_dir.exists():
        InstanceLock(settings.data_dir).release()
    state = "an agent is running" if is_running else "no agent is running"
    return Finding("data folder", True, f"{settings.data_dir} ({state})")


def _look_at_disk(settings: AgentSettings) -> Finding:
    free_mb = read_free_bytes(settings.data_dir) // MB
    value = f"{free_mb} MB free, reserve {settings.disk_reserve_mb} MB"
    passed = free_mb > settings.disk_reserve_mb
    return Finding("disk", passed, value, "" if passed else "Free some space: new calls are not recorded.")


def _look_at_spool(settings: AgentSettings) -> Finding:
    path = settings.data_dir / "spool.sqlite"
    if not path.exists():
        return Finding("spool", True, "not made yet")
    database = open_database(path)
    spool = Spool(database)
    backlog, refused = spool.backlog(), spool.refused()
    database.close()
    value = f"{backlog.count} events wait for the cloud, {refused} were refused"
    value += f"; {path.stat().st_size // MB} of at most {settings.spool_limit_mb} MB"
    remedy = (
        "Events that were refused lie in the spool's table `refused`: compare the versions of box and agent."
    )
    return Finding("spool", refused == 0, value, remedy if refused else "")


def _look_at_ports(settings: AgentSettings, is_running: bool) -> list[Finding]:
    try:
        found = find_ports()
    except AgentError as error:
        return [Finding("port", False, error.problem, error.remedy)]
    paths = list(settings.ports) or [port.path for port in found]
    driverless = [_tell_driver(name) for name in find_driverless(Path(USB_DEVICES))]
    if not paths and not driverless:
        remedy = (
            "Plug the box in with a data cable; on Windows install the driver of its bridge (CH340, CP210x)."
        )
        return [Finding("port", False, "no box is plugged in", remedy)]
    bridges = {port.path: port.bridge for port in found}
    return driverless + [_look_at_port(path, bridges.get(path, UNKNOWN_BRIDGE), is_running) for path in paths]


def find_driverless(devices: Path) -> list[str]:
    """Bridges that are plugged in and have no serial port (Linux; elsewhere nobody can tell).

    Args:
        devices: one folder a USB device, as the kernel shows them.
    """
    found = []
    for vendor in sorted(devices.glob("*/idVendor")):
        device = vendor.parent
        try:
            key = int(vendor.read_text(), 16), int((device / "idProduct").read_text(), 16)
        except (OSError, ValueError):
            continue
        if key in BRIDGES and not any(device.glob("*/tty*")):
            found.append(f"{BRIDGES[key].name} at USB {device.name}")
    return found


def _tell_driver(name: str) -> Finding:
    remedy = (
        "Load its driver (modprobe cp210x, ch341, ftdi_sio or cdc_acm), or remove brltty, which takes it."
    )
    return Finding("driver", False, f"{name} is plugged in and has no serial port", remedy)


def _look_at_port(path: str, bridge: BridgeKind, is_running: bool) -> Finding:
    name = f"port {path}"
    if is_running:
        return Finding(name, None, f"{bridge.name} bridge, in use by the running agent")

    def look() -> Finding:
        open_device(path, bridge).close()
        return Finding(name, True, f"{bridge.name} bridge, can be opened")

    return _look(name, look)


def _look_at_cloud(settings: AgentSettings) -> list[Finding]:
    try:
        cloud_ms, sent_ms, received_ms = measure_offset(settings.cloud_url, SystemClock())
    except AgentError as error:
        cloud = Finding("cloud", False, error.problem, error.remedy)
        return [cloud, Finding("clock", None, "cannot be compared without the cloud")]
    offset_ms = cloud_ms - (sent_ms + received_ms) // 2
    passed = abs(offset_ms) <= MAX_OFFSET_MS
    remedy = "" if passed else "Let this PC set its clock from the network."
    return [
        Finding("cloud", True, f"{settings.cloud_url} answers in {received_ms - sent_ms} ms"),
        Finding("clock", passed, f"the cloud's clock is {offset_ms} ms ahead of this PC's", remedy),
    ]


def _look_at_credentials(settings: AgentSettings) -> Finding:
    credentials = load_credentials(settings.data_dir)
    if credentials is None:
        remedy = "Get a claim code for this desk from the console and run once with --claim-code."
        return Finding("credentials", False, "this PC is not enrolled", remedy)
    if is_revoked(settings.data_dir):
        return Finding("credentials", False, "the cloud took them back", REVOKED_REMEDY)
    return Finding("credentials", True, f"desk {credentials.desk}, agent {credentials.agent}")


def _look_at_broker(settings: AgentSettings, is_running: bool) -> Finding:
    credentials = load_credentials(settings.data_dir)
    if credentials is None or is_revoked(settings.data_dir):
        return Finding("broker", None, "nobody can sign in without credentials")
    address = f"{credentials.mqtt.host}:{credentials.mqtt.port}"
    if is_running:  # a second connection with this agent's id would throw the running one out
        try:
            socket.create_connection((credentials.mqtt.host, credentials.mqtt.port), BROKER_TIMEOUT_S).close()
        except OSError as error:
            return Finding("broker", False, f"{address}: {error}", BROKER_REMEDY)
        return Finding("broker", True, f"{address} accepts connections; the running agent is signed in there")
    return _sign_in(credentials, address)


def _sign_in(credentials: Credentials, address: str) -> Finding:
    inputs: queue.Queue[object] = queue.Queue()
    broker = PahoBroker(credentials, inputs.put, lambda: SystemClock().now().unix_ms)
    broker.start()
    try:
        answer = inputs.get(timeout=BROKER_TIMEOUT_S)
    except queue.Empty:
        answer = None
    finally:
        broker.stop()
    if isinstance(answer, BrokerUp):
        return Finding("broker", True, f"{address} signed in with MQTT {answer.version}")
    return Finding("broker", False, f"{address} did not let this PC in", BROKER_REMEDY)


def _look_at_page(settings: AgentSettings, is_running: bool) -> Finding:
    if not settings.has_page:
        return Finding("desk page", None, "switched off")
    address = f"{HOST}:{settings.page_port}"
    remedy = (
        "End the program that has this port, or set CLOUDSEAT_AGENT_PAGE_PORT (and the cloud's) to another."
    )
    if is_running:
        passed = _answers_as_page(f"http://{address}{GREETING}")
        value = f"{address} answers" if passed else f"nothing of CloudSeat answers at {address}"
        return Finding("desk page", passed, value, "" if passed else remedy)
    try:
        socket.create_server((HOST, settings.page_port)).close()
    except OSError as error:
        return Finding("desk page", False, f"{address}: {error}", remedy)
    return Finding("desk page", True, f"{address} is free for it")


def _answers_as_page(url: str) -> bool:
    try:
        return "agent" in httpx.get(url, timeout=PAGE_TIMEOUT_S).json()
    except (httpx.HTTPError, ValueError, TypeError):
        return False
