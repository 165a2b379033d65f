"""The one place that wires: settings in, a running agent out."""

import contextlib
import importlib.metadata
import random
import signal
import socket
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType

import structlog

from host_agent.ages import Ages
from host_agent.boxes import Boxes, OpenPort
from host_agent.bridge import Bridge
from host_agent.captures import Captures
from host_agent.clock import SystemClock
from host_agent.cloud_link import CloudLink
from host_agent.command_flow import CommandFlow
from host_agent.commands import CommandTable
from host_agent.core import Core, Parts
from host_agent.credentials import (
    REVOKED_REMEDY,
    Credentials,
    enrol,
    is_revoked,
    load_credentials,
    mark_revoked,
    save_credentials,
)
from host_agent.database import open_database
from host_agent.desk.drafts import DraftTable
from host_agent.desk.flow import DAY_MS, DeskFlow
from host_agent.desk.page import DeskPage, open_page
from host_agent.desk.roster_cache import RosterCache, erase
from host_agent.desk.roster_keeper import RosterKeeper
from host_agent.desk.window import Window
from host_agent.disk import DiskWatch, read_free_bytes
from host_agent.errors import AgentError
from host_agent.housekeeping import Housekeeping
from host_agent.identity import Identity, begin_run
from host_agent.intake import Intake
from host_agent.lock import InstanceLock
from host_agent.metrics import MetricsServer, build_metrics
from host_agent.mqtt import PahoBroker
from host_agent.ports import Clock, Instant, StopAsked, Worker
from host_agent.publisher import Publisher
from host_agent.quiet_hours import RateCap, is_quiet
from host_agent.reception import Reception
from host_agent.recording_flow import RecordingFlow
from host_agent.recording_index import RecordingIndex
from host_agent.recordings import Recordings
from host_agent.report import Reporter
from host_agent.runner import Inputs, SteppedRun, Supervisor, run_in_wall_time
from host_agent.serial_link import PortScan, open_link
from host_agent.settings import AgentSettings
from host_agent.spool import Spool
from host_agent.stepped_clock import STEPPED_TOLERANCE_MS, SteppedClock, TimeClient
from host_agent.time_anchor import TOLERANCE_MS, CloudOffset, RunTime, StepDetector
from host_agent.uploads import CloudAccess, UploadQueue
from host_agent.workers import ThreadWorker
from protocol.desk_page import derive_page_key, hash_token

SPOOL = "spool.sqlite"
SCAN_EVERY_S = 2.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class World:
    """What the core touches outside itself; tests put their own here.

    Attributes:
        open_port: opens a serial port by path.
        read_free: free bytes on the disk of the data folder.
        draw: random numbers in [0, 1).
        throttle: waits before so many bytes are uploaded.
        announce: told (source, port) of each box that is attached.
        accept: stores new credentials and joins the broker.
    """

    clock: Clock
    worker: Worker
    open_port: OpenPort
    read_free: Callable[[], int]
    draw: Callable[[], float]
    throttle: Callable[[int], None]
    announce: Callable[[str, str], None]
    accept: Callable[[Credentials], None]


@dataclass(slots=True)
class Agent:
    """One agent, wired and not yet running.

    Attributes:
        broker: once there are credentials.
    """

    settings: AgentSettings
    identity: Identity
    inputs: Inputs
    clock: SystemClock | SteppedClock
    core: Core
    broker: PahoBroker | None = None


def run_agent(settings: AgentSettings) -> str:
    """Run until SIGINT or SIGTERM; returns why it ended.

    Raises:
        AgentError: it cannot start; the message says what to do.
    """
    lock = InstanceLock(settings.data_dir)
    try:
        credentials = load_credentials(settings.data_dir)
        identity = begin_run(settings.data_dir / "identity.json", credentials.agent if credentials else None)
        with contextlib.closing(
            open_database(settings.data_dir / SPOOL, settings.spool_limit_mb)
        ) as database:
            return _run(build_agent(settings, identity, credentials, database))
    finally:
        lock.release()


def build_agent(
    settings: AgentSettings, identity: Identity, credentials: Credentials | None, database: sqlite3.Connection
) -> Agent:
    """Wire the real world to a core."""
    clock = SystemClock() if settings.clock == "system" else SteppedClock()
    inputs = Inputs()

    def accept(new: Credentials) -> None:
        save_credentials(settings.data_dir, new)
        join_cloud(agent, new)
        log.info("enrol.done", desk=new.desk)

    world = World(
        clock=clock,
        worker=ThreadWorker(inputs.put),
        open_port=lambda path: open_link(path, inputs.put),
        read_free=lambda: read_free_bytes(settings.data_dir),
        draw=random.random,
        throttle=RateCap(settings.upload_rate_kbps).wait,
        announce=_announce_box,
        accept=accept,
    )
    claim = None if credentials is not None else _build_claim(settings, identity)
    agent = Agent(settings, identity, inputs, clock, build_core(settings, identity, database, world, claim))
    if credentials is not None:
        join_cloud(agent, credentials)
    return agent


def build_core(
    settings: AgentSettings,
    identity: Identity,
    database: sqlite3.Connection,
    world: World,
    claim: Callable[[], Credentials] | None = None,
) -> Core:
    """Wire the core's parts to each other and to `world`."""
    now = world.clock.now()
    offset = CloudOffset(TOLERANCE_MS if settings.clock == "system" else STEPPED_TOLERANCE_MS)
    run = RunTime(offset)
    bridge = Bridge(identity.agent_id)
    spool = Spool(database, settings.spool_limit_mb)
    index = RecordingIndex(database)
    intake = Intake(spool, database, identity, run)
    recordings = Recordings(settings.data_dir / "recordings", index, now.elapsed_ms)
    captures = Captures(settings.data_dir / "captures")
    boxes = Boxes(world.open_port, set(settings.ports))
    ages = Ages(offset, now.elapsed_ms)
    desk = _build_desk(settings, identity, database, world, intake, offset, ages)
    flow = RecordingFlow(recordings, index, intake, world.worker, UploadQueue(world.draw), world.throttle)
    disk = DiskWatch(world.read_free, settings.disk_reserve_mb)
    publisher = _build_publisher(settings, spool, bridge, world)
    reporter = Reporter(spool, index, publisher, bridge)
    housekeeping = Housekeeping(
        settings, ages, disk, spool, intake, index, recordings, captures, flow, reporter
    )
    parts = Parts(
        boxes=boxes,
        reception=Reception(
            identity.agent_id,
            boxes,
            spool,
            intake,
            recordings,
            captures,
            bridge,
            offset,
            run,
            world.announce,
            desk.handle_event,
        ),
        intake=intake,
        spool=spool,
        publisher=publisher,
        recordings=recordings,
        flow=flow,
        commands=CommandFlow(CommandTable(database), boxes, bridge, offset, run),
        bridge=bridge,
        cloud=CloudLink(settings.cloud_url, offset, world.clock, world.worker, claim),
        housekeeping=housekeeping,
        desk=desk,
        run=run,
        steps=StepDetector(),
        accept=world.accept,
        may_upload=lambda instant: not is_quiet(settings.quiet_hours, instant.unix_ms),
    )
    return Core(parts)


def _build_desk(
    settings: AgentSettings,
    identity: Identity,
    database: sqlite3.Connection,
    world: World,
    intake: Intake,
    offset: CloudOffset,
    ages: Ages,
) -> DeskFlow:
    def handle_revoked() -> None:
        desk.leave()
        try:
            mark_revoked(settings.data_dir)
        except OSError as error:
            log.error("credentials.not_marked", problem=str(error), remedy="Free some space on the disk.")

    keeper = RosterKeeper(world.worker, ages, settings.roster_retention_days * DAY_MS, handle_revoked)
    desk = DeskFlow(
        Window(),
        keeper,
        DraftTable(database),
        intake,
        identity,
        world.worker,
        offset,
        ages,
        settings.event_retention_days,
    )
    return desk


def _build_publisher(settings: AgentSettings, spool: Spool, bridge: Bridge, world: World) -> Publisher:
    return Publisher(
        spool,
        bridge.publish_event,
        window=settings.publish_window,
        republish_after_ms=round(settings.republish_after_s * 1000),
        draw=world.draw,
    )


def _build_claim(settings: AgentSettings, identity: Identity) -> Callable[[], Credentials] | None:
    if settings.claim_code is None:
        log.warning(
            "enrol.needed", remedy="Get a claim code from the console and start with --claim-code CODE."
        )
        return None
    code = settings.claim_code.get_secret_value()
    version = importlib.metadata.version("cloudseat")
    return lambda: enrol(settings.cloud_url, code, identity.agent_id, socket.gethostname(), version)


def join_cloud(agent: Agent, credentials: Credentials) -> None:
    """Credentials are there: connect to the broker, and let recordings go; revoked ones open no page."""
    retry_s = agent.settings.broker_retry_s
    broker = PahoBroker(credentials, agent.inputs.put, lambda: agent.clock.now().unix_ms, retry_s)
    agent.broker = broker
    agent.core.parts.bridge.join(broker, credentials.desk)
    token = credentials.upload_token.get_secret_value()
    access = CloudAccess(agent.settings.cloud_url, token)
    agent.core.parts.flow.access = access
    if is_revoked(agent.settings.data_dir):
        log.warning("credentials.revoked", remedy=REVOKED_REMEDY)
    elif agent.settings.has_page:
        page_key = derive_page_key(hash_token(token))
        cache = RosterCache(agent.settings.data_dir, token)
        agent.core.parts.desk.join(access, cache, page_key, agent.clock.now())
    broker.start()


def _run(agent: Agent) -> str:
    supervisor = Supervisor()
    page: DeskPage | None = None
    _stop_on_signals(agent.inputs)
    if not agent.settings.ports:
        scan = PortScan(agent.inputs.put)
        threading.Thread(target=_scan_ports, args=(scan, supervisor), name="port scan", daemon=True).start()
    try:
        if isinstance(agent.clock, SystemClock):
            page = _start_page(agent)
            _announce_ready(agent)
            report = _start_metrics(agent, supervisor)
            return run_in_wall_time(agent.core, agent.inputs, agent.clock, supervisor, report)
        client = TimeClient(agent.settings.clock, agent.identity.agent_id, agent.inputs.put)
        _announce_ready(agent)
        return SteppedRun(agent.core, agent.inputs, agent.clock, client, supervisor).run()
    finally:
        if page is not None:
            page.close()
        if agent.broker is not None:
            agent.broker.stop()


def _start_page(agent: Agent) -> DeskPage | None:
    """The desk's own page. Without it the agent does everything else."""
    if not agent.settings.has_page:
        erase(agent.settings.data_dir)  # a roster is kept for the page alone
        return None
    try:
        settings = agent.settings
        return open_page(
            settings.page_port,
            settings.console,
            agent.identity.agent_id,
            settings.data_dir,
            settings.data_dir / SPOOL,
            agent.core.parts.desk.window,
            agent.inputs.put,
            lambda: agent.clock.now().unix_ms,
        )
    except AgentError as error:
        log.error(error.code, problem=error.problem, remedy=error.remedy)
        return None


def _start_metrics(agent: Agent, supervisor: Supervisor) -> Callable[[Instant], None]:
    """The metrics' server if there is to be one; returns what keeps its text fresh."""
    if not agent.settings.metrics_port:
        return lambda _: None
    exporter = MetricsServer(agent.settings.metrics_port)
    return lambda now: exporter.update(now, lambda: build_metrics(agent.core, supervisor.failures, now))


def _stop_on_signals(inputs: Inputs) -> None:
    def stop(number: int, _frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        threading.Thread(target=inputs.put, args=(StopAsked(name),), daemon=True).start()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)


def _scan_ports(scan: PortScan, supervisor: Supervisor) -> None:
    """Every SCAN_EVERY_S, for as long as the agent runs."""
    pause = threading.Event()
    while True:
        supervisor.run(scan.look)
        pause.wait(SCAN_EVERY_S)


def _announce_ready(agent: Agent) -> None:
    print(f"agent.ready agent_id={agent.identity.agent_id}", flush=True)


def _announce_box(source: str, port: str) -> None:
    print(f"agent.box_attached source={source} port={port}", flush=True)
