"""The headless run: the whole road in stepped time, then the cloud's calls against the truth of the line."""

import platform
import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib.metadata import version

from sim.board import Board, BoardSettings
from sim.clock import TimeService
from sim.demo.api import CloudClient, Json
from sim.demo.check import PlayedCall, check_calls
from sim.demo.children import Children
from sim.demo.sabotage import Sabotage, SwallowingCable, flip_stored_byte
from sim.demo.script import PlannedCall, Resident, find_residents, plan_calls
from sim.demo.stack import Stack, StackSettings
from sim.errors import SimulatorError
from sim.port import PseudoPort
from sim.runtime import find_micropython
from sim.scenario import CallPlan, Scenario, ScenarioRun, scenario_of
from sim.seat import Seat
from sim.stepped import SteppedRun

BOX = "5117b0c0ffee"
SEED = 7
JOIN_S = 30.0
WARM_UP_MS = 3_000
MAX_CALL_MS = 180_000
PAUSE_MS = 9_000
"""Between two calls: a box knows that ringing has stopped only when the next burst does not come."""
TICKET_AFTER_MS = 2_000
NOTE = "厨房漏水,请尽快上门"
SAY_VERSION = "import sys; print('.'.join(str(n) for n in sys.implementation.version[:3]))"


@dataclass(frozen=True)
class HeadlessReport:
    """What a run found, in the published form by `as_json`."""

    calls: list[Json]
    line_seconds: float
    sampled_seconds: float
    wall_seconds: float
    versions: dict[str, str]

    @property
    def is_right(self) -> bool:
        return bool(self.calls) and all(call["ok"] for call in self.calls)

    def as_json(self) -> Json:
        return {
            "calls": self.calls,
            "line_seconds": round(self.line_seconds, 3),
            "wall_seconds": round(self.wall_seconds, 3),
            "versions": self.versions,
        }


class Road:
    """The whole road, started: one desk with its line, box and agent, and a person at the desk."""

    def __init__(self, settings: StackSettings, sabotage: Sabotage | None, resources: ExitStack) -> None:
        self.sabotage = sabotage
        start_ms = int(time.time()) * 1000
        self.service = TimeService(start_ms)
        resources.callback(self.service.close)
        children = resources.enter_context(Children(settings.folder / "logs"))
        self.stack = Stack(replace(settings, clock=self.service.address), children)
        self.scene = ScenarioRun(Scenario(seed=SEED))
        port = PseudoPort()
        resources.callback(port.close)
        board = Board(BoardSettings(BOX, settings.folder / "flash.bin", seed=SEED))
        resources.callback(board.close)
        cable = SwallowingCable("off_hook") if sabotage is Sabotage.EVENT else bytes
        self.run = SteppedRun(self.service, [Seat(self.scene.line, board, port, cable)], overlaps=True)
        self._start_processes(port, children)
        login = self.stack.login("agent")
        self.client = CloudClient(self.stack.url, login.username, login.password)
        resources.callback(self.client.close)

    @property
    def desk(self) -> str:
        return self.stack.desks[0].id

    @property
    def zero_ms(self) -> int:
        """Unix time of the line's time zero."""
        return self.run.now_ms - self.scene.line.agenda.now_ms

    def _start_processes(self, port: PseudoPort, children: Children) -> None:
        self.stack.seed()
        self.stack.start_broker()
        cloud = self.stack.start_cloud()
        try:
            self.service.await_clients(agents=0, observers=1, timeout_s=JOIN_S)
            self.stack.await_cloud(cloud)
            self.stack.start_agent(0, [port.path])
            self.service.await_clients(agents=1, observers=1, timeout_s=JOIN_S)
        except SimulatorError:
            children.check()
            raise
        self.run.await_ports()
        self.run.run(WARM_UP_MS)
        self.run.settle("committed")


def run_headless(settings: StackSettings, count: int, sabotage: Sabotage | None = None) -> HeadlessReport:
    """Play `count` calls and check them.

    Raises:
        SimulatorError: a part did not start, or ended.
    """
    with ExitStack() as resources:
        road = Road(settings, sabotage, resources)
        residents = find_residents(road.client, min(count, 40))
        began_s, since_ms = time.monotonic(), road.run.now_ms
        lived_ms, sampled_ms = road.run.line_ms, road.run.sampled_ms
        played = play_calls(road, residents, count)
        road.run.settle("committed")
        road.run.settle("uploaded")
        road.run.settle("committed")
        wall_s = time.monotonic() - began_s
        if sabotage is Sabotage.UPLOAD:
            flip_stored_byte(road.stack.store)
        return HeadlessReport(
            calls=check_calls(road.client, road.desk, played, since_ms),
            line_seconds=(road.run.line_ms - lived_ms) / 1000,
            sampled_seconds=(road.run.sampled_ms - sampled_ms) / 1000,
            wall_seconds=wall_s,
            versions=find_versions(road.stack.broker),
        )


def play_calls(road: Road, residents: Sequence[Resident], count: int) -> list[PlayedCall]:
    """Play the calls one after the other, with what a person does in each."""
    played: list[PlayedCall] = []
    for planned in plan_calls(residents, count):
        road.run.run(PAUSE_MS)
        if not planned.call.has_stream:
            played.append(_play(road, planned, played))
            continue
        with road.client.stream(road.desk) as stream:
            call = _play(road, planned, played)
            road.run.settle("committed")
            shown = road.client.calls(desk=road.desk)[0]["id"]
            played.append(replace(call, was_streamed=stream.await_call(shown)))
    return played


def _play(road: Road, planned: PlannedCall, before: Sequence[PlayedCall]) -> PlayedCall:
    scene, run = road.scene, road.run
    known = len(scene.truths)
    scene.begin_call(_plan_of(planned, road.sabotage))

    def has_begun() -> bool:
        return len(scene.truths) > known

    def is_answered() -> bool:
        return has_begun() and scene.truths[-1].answered_ms is not None

    def is_over() -> bool:
        return has_begun() and scene.truths[-1].ended_ms is not None

    ticket: Json | None = None
    if planned.call.has_ticket and run.run_until(is_answered, MAX_CALL_MS):
        run.run(TICKET_AFTER_MS)
        ticket = _make_ticket(road, before)
    if not run.run_until(is_over, MAX_CALL_MS):
        raise SimulatorError(f"{planned.call.name}: the call did not end within {MAX_CALL_MS // 1000} s")
    return PlayedCall(planned, replace(scene.truths[-1], name=planned.call.name), road.zero_ms, ticket)


def _plan_of(planned: PlannedCall, sabotage: Sabotage | None) -> CallPlan:
    plan = scenario_of({"call": [planned.table]}).call[0]
    if sabotage is Sabotage.CALLER_ID:
        return replace(plan, caller_id=replace(plan.caller_id, broken=True))
    return plan


def _make_ticket(road: Road, before: Sequence[PlayedCall]) -> Json:
    """What the person at the desk does: reads who is calling, ticks the first repair item, saves."""
    road.run.settle("committed")
    shown = road.client.calls(desk=road.desk)
    call = shown[0]["id"]
    if road.sabotage is Sabotage.TICKET:
        call = shown[1]["id"] if before else None
    item = first_leaf(road.client.items())
    place = shown[0]["residents"][0]["rooms"][0] if shown[0]["residents"] else ""
    body = {"type": item["type"], "items": [item["code"]], "place": place}
    road.client.create_ticket(body | {"desk": road.desk, "call": call, "promise_minutes": 30, "note": NOTE})
    return body | {"agent": road.client.name}


def first_leaf(items: Sequence[Json]) -> Json:
    """The first item of the tree that has no items under it."""
    item = items[0]
    while item["children"]:
        item = item["children"][0]
    return item


def find_versions(broker: str) -> dict[str, str]:
    """What ran: our version, the interpreters', the broker."""
    told = subprocess.run([find_micropython(), "-c", SAY_VERSION], capture_output=True, text=True, check=True)
    return {
        "cloudseat": version("cloudseat"),
        "python": platform.python_version(),
        "micropython": told.stdout.strip(),
        "broker": broker,
    }
