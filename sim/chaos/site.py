"""The site that chaos comes over: lines with their boxes, one desk PC with one agent, broker and cloud.

One agent has all boxes, as the PC of a service desk has. Everything is a real process but the lines.
"""

import random
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from sim.board import Board, BoardSettings
from sim.chaos.gate import Gate
from sim.chaos.outages import Outages
from sim.chaos.port import PluggablePort
from sim.chaos.traffic import Traffic, plan_calls, shared
from sim.chaos.wire import WiredBoard
from sim.clock import Goal, TimeService
from sim.demo.children import Child, Children
from sim.demo.stack import HOST, Stack, StackSettings, find_free_port
from sim.errors import SimulatorError
from sim.postgres import Cluster
from sim.scenario import Scenario, ScenarioRun
from sim.seat import Seat, SerialFilter
from sim.stepped import BLOCK_MS, NotSettled, SteppedRun

DATABASE = "cloud"
START_MS = 1_780_000_000_000
"""28 May 2026: the same for each run, so that a seed says all."""
COMMIT_EVERY_MS = 8_000
"""Events of so long are under way when something is killed; what may make a person look is under 30 s old."""
JOIN_S = 60.0
BROKER_RETRY_S = 0.5
"""MQTT lives in wall time: in a minute of it, hours of the lines' would pass."""
WARM_UP_MS = 5_000
_GOALS: tuple[Goal, ...] = ("committed", "uploaded", "committed")
CALM_MS = 30_000
"""Lived after the last call, so that every box has told everything."""


@dataclass(frozen=True)
class SiteSettings:
    """How large a run is.

    Attributes:
        folder: everything is left here.
        cables: what the bytes of a box pass through, by its number; a sabotage breaks one.
        cluster: where the cloud's database is; None: SQLite in `folder`.
    """

    folder: Path
    calls: int
    boxes: int
    seed: int
    cables: dict[int, SerialFilter]
    cluster: Cluster | None = None

    @property
    def database_url(self) -> str:
        """For SQLAlchemy and the cloud's settings."""
        if self.cluster is not None:
            return self.cluster.url(DATABASE)
        return f"sqlite:///{self.folder / 'cloud' / 'cloud.sqlite3'}"


class Box:
    """One line with its box, its port and its callers.

    Attributes:
        away_until_ms: when it could last not speak to the PC (unix).
    """

    def __init__(self, number: int, settings: SiteSettings, traffic_rng: random.Random) -> None:
        self.source = f"5117b0c0{number:04x}"
        seed = settings.seed * 1000 + number
        self.rng = random.Random(f"{settings.seed} box {number}")
        self.scene = ScenarioRun(Scenario(seed=seed))
        self.port = PluggablePort(settings.folder / "ports", f"box-{number}")
        flash = settings.folder / f"flash-{number}.bin"
        self.board = Board(BoardSettings(self.source, flash, seed=seed))
        self.wire = WiredBoard(self.board, self.rng)
        self.seat = Seat(self.scene.line, self.wire, self.port, settings.cables.get(number, bytes))
        self.traffic: Traffic | None = None
        self.away_until_ms = 0

    def close(self) -> None:
        """End the board, take the port away."""
        self.board.close()
        self.port.close()


class Site:
    """Everything started. Faults act on its parts; `live` lets time pass.

    Attributes:
        gates: the way of the desk's PC to the cloud's web part and to the broker.
        agent, cloud, broker: the processes as they run now; None while one is dead.
        hindered: what keeps events from being committed though every process runs.
        agent_since_ms: when the agent joined (unix).
    """

    def __init__(self, settings: SiteSettings, resources: ExitStack) -> None:
        self.settings = settings
        self.rng = random.Random(f"{settings.seed} faults")
        self.outages = Outages()
        self.service = TimeService(START_MS)
        resources.callback(self.service.close)
        self.children = resources.enter_context(Children(settings.folder / "logs"))
        web_port, mqtt_port = find_free_port(), find_free_port()
        self.gates = (Gate(web_port), Gate(mqtt_port))
        for gate in self.gates:
            resources.callback(gate.close)
        web_gate, mqtt_gate = self.gates
        stack = StackSettings(
            settings.folder,
            web_port=web_port,
            mqtt_port=mqtt_port,
            clock=self.service.address,
            cloud_env={
                "CLOUDSEAT_CLOUD_AGENT_MQTT_PORT": str(mqtt_gate.port),
                "CLOUDSEAT_CLOUD_DATABASE_URL": settings.database_url,
            },
            agent_env={
                "CLOUDSEAT_AGENT_CLOUD_URL": f"http://{HOST}:{web_gate.port}",
                "CLOUDSEAT_AGENT_BROKER_RETRY_S": str(BROKER_RETRY_S),
            },
        )
        self.stack = Stack(stack, self.children)
        self.hindered: set[str] = set()
        self.boxes: list[Box] = []
        for number in range(settings.boxes):
            self.boxes.append(Box(number, settings, self.rng))
            resources.callback(self.boxes[-1].close)
        self.run = SteppedRun(self.service, [box.seat for box in self.boxes], overlaps=True)
        self.agent_since_ms = 0
        self._since_commit_ms = 0
        self.agent: Child | None = None
        self.cloud: Child | None = None
        self.broker: Child | None = None
        self._start()

    @property
    def now_ms(self) -> int:
        """Unix time."""
        return self.service.now_ms

    @property
    def desk(self) -> str:
        return self.stack.desks[0].id

    @property
    def is_whole(self) -> bool:
        """Every process runs, and nothing hinders it: what is told can be committed."""
        return None not in (self.agent, self.cloud, self.broker) and not self.hindered

    @property
    def calls_begun(self) -> int:
        return sum(len(box.scene.truths) for box in self.boxes)

    @property
    def is_over(self) -> bool:
        """All calls have been made."""
        return all(box.traffic is not None and box.traffic.is_over for box in self.boxes)

    def begin_traffic(self) -> None:
        """From now on people call."""
        calls = plan_calls(random.Random(f"{self.settings.seed} calls"))
        take = shared(calls, self.settings.calls)
        for box in self.boxes:
            box.traffic = Traffic(box.scene, take, box.rng)

    def unix_ms(self, box: Box, line_ms: int) -> int:
        """Unix time of a moment of a box's line."""
        return self.now_ms - box.scene.line.agenda.now_ms + line_ms

    def live(self, limit_ms: int) -> None:
        """Let one step of at most about `limit_ms` pass; now and then what can be committed is.

        Overlapped, a round trip on the cable is two steps. While a damaged wire carries a call it is kept
        to 64 ms: in 256, what a box may have under way does not carry it, as it would on a real wire.
        """
        if any(box.wire.damage and box.scene.line.is_engaged for box in self.boxes):
            limit_ms = min(limit_ms, BLOCK_MS)
        self._since_commit_ms += self.run.step(limit_ms)
        if self.is_whole and self._since_commit_ms >= COMMIT_EVERY_MS:
            self._since_commit_ms = 0
            self.run.ask("committed")

    def live_for(self, ms: int) -> None:
        """Let `ms` pass."""
        end_ms = self.now_ms + ms
        while self.now_ms < end_ms:
            self.live(end_ms - self.now_ms)

    def start_agent(self) -> None:
        """The desk's PC: returns when its agent has joined."""
        self.agent = self.stack.start_agent(0, [box.port.path for box in self.boxes])
        self._await_clients(agents=1, observers=0)
        self.agent_since_ms = self.now_ms

    def expect_agent(self, is_expected: bool) -> None:
        """False: the agent is being killed; what it says now need not be so."""
        self.service.agents_may_leave = not is_expected
        for box in self.boxes:
            box.port.is_abandoned = not is_expected

    def start_cloud(self) -> None:
        """Returns when the cloud takes requests."""
        self.cloud = self.stack.start_cloud()
        self._await_clients(agents=0, observers=1)
        self.stack.await_cloud(self.cloud)

    def start_broker(self) -> None:
        """Returns when the broker takes connections."""
        self.broker = self.stack.run_broker()

    def finish(self) -> str:
        """Everything is whole again: wait until all of it is in the cloud; what is missing if it never is."""
        self.live_for(CALM_MS)
        try:
            for goal in _GOALS:
                self.run.settle(goal)
        except NotSettled as missing:
            return str(missing)
        return ""

    def _start(self) -> None:
        self.stack.seed()
        self.broker = self.stack.start_broker()
        self.start_cloud()
        self.start_agent()
        self.run.await_ports()
        self.run.run(WARM_UP_MS)
        self.run.settle("committed")

    def _await_clients(self, agents: int, observers: int) -> None:
        try:
            self.service.await_clients(agents, observers, JOIN_S)
        except SimulatorError:
            self.children.check()
            raise
