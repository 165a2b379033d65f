"""One soak: everything as processes in wall time, calls one after the other, memory read now and then."""

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from sim.board import HEAP, Board, BoardSettings
from sim.demo.api import CloudClient
from sim.demo.check import unix_ms
from sim.demo.children import Children
from sim.demo.live import RESIDENTS
from sim.demo.script import find_residents, plan_calls
from sim.demo.stack import READY_S, Stack, StackSettings
from sim.pace import run_paced
from sim.port import PseudoPort
from sim.scenario import ScenarioRun, scenario_of
from sim.seat import Seat
from sim.soak.memory import OverheardBoard, read_family_kb, read_rss_kb
from sim.soak.report import BOARD_HEAP, SIMULATOR, Series, SoakReport

BOX = "5117b0c0ffee"
FIRST_CALL_S = 1.0
SETTLE_S = 45.0
"""No call begins that late: the last one ends, is recorded and uploaded within the time."""
HEAP_KB = int(HEAP.removesuffix("k"))


def run_soak(settings: StackSettings, minutes: float, every_s: float, between_s: float) -> SoakReport:
    """Start everything, play calls for `minutes`, stop everything. A desk's event stream is open meanwhile.

    Args:
        every_s: seconds between two readings.
        between_s: seconds from the start of a call to that of the next.
    Raises:
        SimulatorError: a part did not start, or ended by itself.
    """
    with ExitStack() as resources:
        road = start_road(settings, resources)
        scene, overheard = plan_scene(road.client, minutes * 60, between_s), OverheardBoard(road.board)
        began_ms = time.time_ns() // 1_000_000
        readings = Readings(road.pids, overheard, road.check, every_s)
        end_s = time.monotonic() + minutes * 60
        run_paced(
            Seat(scene.line, overheard, road.port),
            lambda: time.monotonic() >= end_s,
            lambda _played, _at_ns: readings.read_when_due(),
        )
        ended = [truth for truth in scene.truths if truth.ended_ms is not None]
        return SoakReport(minutes, len(ended), road.count_ended(began_ms), readings.series)


@dataclass(frozen=True)
class Road:
    """Everything started.

    Attributes:
        pids: of what is watched, by name.
        check: raises ChildFailed if a process has ended.
    """

    desk: str
    client: CloudClient
    board: Board
    port: PseudoPort
    pids: dict[str, int]
    check: Callable[[], None]

    def count_ended(self, since_ms: int) -> int:
        """Calls that the cloud shows as ended, begun since then (unix ms)."""
        calls = self.client.calls(desk=self.desk)
        return sum(call["state"] == "ended" and unix_ms(call["started_at"]) >= since_ms for call in calls)


def start_road(settings: StackSettings, resources: ExitStack) -> Road:
    """Broker, cloud, a desk's open event stream, a box, its agent; all end with `resources`."""
    settings.folder.mkdir(parents=True, exist_ok=True)
    children = resources.enter_context(Children(settings.folder / "logs"))
    stack = Stack(settings, children)
    stack.seed()
    broker, cloud = stack.start_broker(), stack.start_cloud()
    stack.await_cloud(cloud)
    desk, login = stack.desks[0].id, stack.login("agent")
    client = CloudClient(stack.url, login.username, login.password)
    resources.callback(client.close)
    resources.enter_context(client.stream(desk))
    board = Board(BoardSettings(BOX, settings.folder / "flash.bin"))
    resources.callback(board.close)
    port = PseudoPort()
    resources.callback(port.close)
    agent = stack.start_agent(0, [port.path])
    agent.await_line("agent.ready", READY_S)
    pids = {child.name: child.process.pid for child in (broker, cloud)}
    pids |= {"agent": agent.process.pid, "board": board.pid}
    return Road(desk, client, board, port, pids, children.check)


def plan_scene(client: CloudClient, seconds: float, between_s: float) -> ScenarioRun:
    """Calls of the demo's script on one line; at least one, however short the time is."""
    count = 1 + max(0, int((seconds - SETTLE_S - FIRST_CALL_S) // between_s))
    planned = plan_calls(find_residents(client, min(count, RESIDENTS)), count)
    calls = [call.table | {"at": FIRST_CALL_S + index * between_s} for index, call in enumerate(planned)]
    return ScenarioRun(scenario_of({"call": calls}))


class Readings:
    """Memory of each process, read at even intervals.

    Attributes:
        series: by process; the simulator is this process, the board heap is what its health says.
    """

    def __init__(
        self, pids: dict[str, int], board: OverheardBoard, check: Callable[[], None], every_s: float
    ) -> None:
        self.series = {name: Series() for name in (*pids, BOARD_HEAP, SIMULATOR)}
        self._pids, self._board, self._check, self._every_s = pids, board, check, every_s
        self._began_s = self._due_s = time.monotonic()

    def read_when_due(self) -> None:
        """Read once an interval; raises ChildFailed if a process has ended."""
        now_s = time.monotonic()
        if now_s < self._due_s:
            return
        self._due_s += self._every_s
        self._check()
        hour = (now_s - self._began_s) / 3600
        for name, pid in self._pids.items():
            self.series[name].append(hour, read_family_kb(pid))
        self.series[SIMULATOR].append(hour, read_rss_kb(os.getpid()))
        if self._board.free_heap is not None:
            self.series[BOARD_HEAP].append(hour, HEAP_KB - self._board.free_heap / 1024)
