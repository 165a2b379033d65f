"""Broker, cloud and agents as child processes in one folder: the embedded default, or other servers.

folder/broker/      mosquitto.conf, passwd, acl (where Mosquitto is installed)
folder/cloud/       SQLite, recordings
folder/agent-N/     credentials, spool, recordings of one desk's agent
folder/logs/        what each child said
folder/demo.json    desks and log-ins as seeded: a second start seeds nothing
"""

import json
import shutil
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sim.demo.children import Child, Children
from sim.errors import SimulatorError

HOST = "127.0.0.1"
READY_S = 60.0
POLL_S = 0.02
NO_ACL = "Mosquitto is not installed: using iotcore on 127.0.0.1, which has no topic ACL. For this demo only."


class PortTaken(SimulatorError):
    """The web port is in use by another program."""

    def __init__(self, port: int) -> None:
        super().__init__(
            f"port {port} is taken by another program (perhaps a demo that still runs): "
            f"end that one, or choose another port: cloudseat-sim demo --port {port + 10}"
        )
        self.port = port


@dataclass(frozen=True)
class DemoDesk:
    """One seeded service desk and the one-time code of its agent."""

    id: str
    name: str
    claim_code: str


@dataclass(frozen=True)
class Login:
    """One seeded user."""

    username: str
    password: str
    role: str


@dataclass(frozen=True)
class StackSettings:
    """What the parts are started with.

    Attributes:
        folder: everything is kept here.
        web_port: of the cloud; 0 takes a free one.
        mqtt_port: of the broker; 0 takes a free one.
        clock: what agent and cloud get as CLOCK.
        broker: "mosquitto", "iotcore", or "" for the first of them that is there.
        cloud_env: more settings of the cloud (a PostgreSQL, a store).
        agent_env: more settings of each agent (another way to the cloud).
        page_port: of the page that the first desk's agent serves; 0: none.
    """

    folder: Path
    web_port: int = 8000
    mqtt_port: int = 0
    clock: str = "system"
    broker: str = ""
    cloud_env: Mapping[str, str] = field(default_factory=dict)
    agent_env: Mapping[str, str] = field(default_factory=dict)
    page_port: int = 0


class Stack:
    """Starts the parts in order; its children are stopped by whoever made them."""

    def __init__(self, settings: StackSettings, children: Children) -> None:
        self._settings = settings
        self._children = children
        self.mqtt_port = settings.mqtt_port or find_free_port()
        self.url = ""
        self.desks: list[DemoDesk] = []
        self.logins: list[Login] = []
        self.broker = settings.broker or ("mosquitto" if shutil.which("mosquitto") else "iotcore")

    @property
    def folder(self) -> Path:
        """Where everything is kept."""
        return self._settings.folder

    @property
    def store(self) -> Path:
        """The folder of stored recordings, where no other store is set."""
        return self._settings.folder / "cloud" / "recordings"

    def start_broker(self) -> Child:
        """Start Mosquitto with the cloud's own configuration, or `iotcore`."""
        if self.broker == "mosquitto":
            folder = self._settings.folder / "broker"
            folder.mkdir(parents=True, exist_ok=True)
            config = [program("cloudseat-cloud"), "mosquitto-config"]
            options = ["--dir", str(folder), "--port", str(self.mqtt_port)]
            self._run_once("mosquitto-config", [*config, *options])
        return self.run_broker()

    def run_broker(self) -> Child:
        """Start it as it is configured, the first time or again; returns when it takes connections."""
        if self.broker == "iotcore":
            argv = [sys.executable, "-m", "sim.demo.iotcore_broker", str(self.mqtt_port)]
            child = self._children.start("broker", argv)
            child.await_line("broker.ready", READY_S)
            return child
        folder = self._settings.folder / "broker"
        argv = [str(shutil.which("mosquitto")), "-c", str(folder / "mosquitto.conf")]
        child = self._children.start("broker", argv)
        (folder / "mosquitto.pid").write_text(f"{child.process.pid}\n")
        await_listener(child, self.mqtt_port)
        return child

    def seed(self) -> None:
        """Desks, residents and log-ins of the demo; only in a folder that has none."""
        kept = self._settings.folder / "demo.json"
        if not kept.exists():
            said = self._run_once("seed-demo", [program("cloudseat-cloud"), "seed-demo", "--json"])
            kept.write_text(said)
        seeded: dict[str, Any] = json.loads(kept.read_text())
        self.desks = [DemoDesk(desk["desk"], desk["name"], desk["claim_code"]) for desk in seeded["desks"]]
        self.logins = [
            Login(login["username"], login["password"], login["role"]) for login in seeded["logins"]
        ]

    def start_cloud(self) -> Child:
        """Start the cloud; `await_cloud` returns when it takes requests."""
        if self._settings.web_port:
            check_port(self._settings.web_port)
        env = self._cloud_env() | {"CLOUDSEAT_CLOUD_CLOCK": self._settings.clock}
        return self._children.start("cloud", [program("cloudseat-cloud"), "serve"], env)

    def await_cloud(self, cloud: Child) -> None:
        """Return when the cloud takes requests; sets `url`."""
        self.url = cloud.await_line(r"cloud\.ready url=(\S+)", READY_S)[1]

    def start_agent(self, number: int, ports: Sequence[str]) -> Child:
        """Start the agent of desk `number` with these serial ports."""
        folder = self._settings.folder / f"agent-{number}"
        env = {
            "CLOUDSEAT_AGENT_CLOUD_URL": self.url,
            "CLOUDSEAT_AGENT_DATA_DIR": str(folder),
            "CLOUDSEAT_AGENT_CLAIM_CODE": self.desks[number].claim_code,
            "CLOUDSEAT_AGENT_CLOCK": self._settings.clock,
            "CLOUDSEAT_AGENT_PORTS": ",".join(ports),
            "CLOUDSEAT_AGENT_DISK_RESERVE_MB": "64",
            "CLOUDSEAT_AGENT_PAGE_PORT": str(0 if number else self._settings.page_port),
        }
        return self._children.start(
            f"agent-{number}", [program("cloudseat-agent"), "run"], env | dict(self._settings.agent_env)
        )

    def login(self, role: str) -> Login:
        """The first seeded user of that role."""
        for login in self.logins:
            if login.role == role:
                return login
        raise SimulatorError(f"the demo data has no user with the role {role}")

    def _run_once(self, name: str, argv: Sequence[str]) -> str:
        """Run a command of the cloud to its end; its output."""
        return self._children.run(name, argv, self._cloud_env())

    def _cloud_env(self) -> dict[str, str]:
        folder = self._settings.folder
        env = {
            "CLOUDSEAT_CLOUD_PORT": str(self._settings.web_port),
            "CLOUDSEAT_CLOUD_DATA_DIR": str(folder / "cloud"),
            "CLOUDSEAT_CLOUD_MQTT_HOST": HOST,
            "CLOUDSEAT_CLOUD_MQTT_PORT": str(self.mqtt_port),
            "CLOUDSEAT_CLOUD_DEMO": "true",
            "CLOUDSEAT_CLOUD_DESK_PAGE_PORT": str(self._settings.page_port),
        }
        if self.broker == "mosquitto":
            env["CLOUDSEAT_CLOUD_MOSQUITTO_DIR"] = str(folder / "broker")
        return env | dict(self._settings.cloud_env)


def program(name: str) -> str:
    """A command of this distribution, from the environment this Python runs in."""
    return str(Path(sys.executable).parent / name)


def find_free_port() -> int:
    """A TCP port on loopback that nobody uses now."""
    with socket.create_server((HOST, 0)) as probe:
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Nobody listens there."""
    try:
        with socket.create_server((HOST, port)):
            return True
    except OSError:
        return False


def await_listener(child: Child, port: int) -> None:
    """Return when `child` takes connections on `port`.

    Raises:
        ChildFailed: it ended, or did not within READY_S.
    """
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return
        if child.process.poll() is not None:
            raise child.failure(f"ended with code {child.process.returncode}")
        time.sleep(POLL_S)
    raise child.failure(f"took no connection within {READY_S:.0f} s")


def check_port(port: int) -> None:
    """Raise PortTaken if something listens there."""
    if not is_free(port):
        raise PortTaken(port)
