"""The faults: each takes something away, and gives it back after a while.

`FAULTS`, at the foot, is the table: name, how long, how often. A fault does what happens in an office and no
more: it kills with SIGKILL what this run started, pulls plugs, damages bytes; it never edits what is stored.
"""

import random
import resource
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from sim.chaos.outages import Outage, Outages
from sim.chaos.site import Box, Site
from sim.chaos.wire import Damage
from sim.demo.children import Child
from sim.errors import SimulatorError

KILL_WITHIN_S = 0.03
"""Wall time in which a process is killed: anywhere in what it does for one or two steps."""
HANG_UP_STEPS = 200
"""Steps in which an agent must notice that a port is gone."""
DAMAGE = (1e-4, 2e-3)
"""Share of bytes that are hit while a wire is damaged."""
MAX_JUMP_MS = 8 * 3_600_000
SETTLE_MS = 10_000
"""A box is left in peace for so long after it could not reach the spool, before its power is cut: what it has
told by then is on the desk's disk."""


class Fault(ABC):
    """One fault under way.

    Attributes:
        target: what it hits, for the report.
        exit_status: of the process that it killed; None while that runs, or if none was.
    """

    def __init__(self, site: Site, target: str) -> None:
        self.site = site
        self.target = target
        self.began_ms = site.now_ms
        self.exit_status: int | None = None

    @abstractmethod
    def end(self) -> None:
        """Give it back."""

    def tell_outage(self, target: str, *, stops_audio: bool = False, cuts_power: bool = False) -> None:
        """Until now `target` could not work."""
        now_ms = self.site.now_ms
        self.site.outages.add(Outage(target, self.began_ms, now_ms, stops_audio, cuts_power))


class _Killed(Fault):
    """A process gets SIGKILL some milliseconds from now, whatever it is doing then."""

    def __init__(self, site: Site, child: Child) -> None:
        super().__init__(site, child.name)
        self._child = child
        self._timer = threading.Timer(site.rng.uniform(0, KILL_WITHIN_S), child.process.kill)
        self._timer.start()

    def _bury(self) -> None:
        self._timer.join()
        self.exit_status = self.site.children.bury(self._child)


class AgentKilled(_Killed):
    """The desk's PC is away; the boxes keep what happens meanwhile."""

    def __init__(self, site: Site) -> None:
        assert site.agent is not None
        site.expect_agent(False)
        super().__init__(site, site.agent)
        site.agent = None

    def end(self) -> None:
        self._bury()
        site = self.site
        site.service.forget("agent")
        site.expect_agent(True)
        site.start_agent()
        self.tell_outage(Outages.EVERYBODY, stops_audio=True)


class CloudKilled(_Killed):
    """Web and consumer are away."""

    def __init__(self, site: Site) -> None:
        assert site.cloud is not None
        super().__init__(site, site.cloud)
        site.cloud = None

    def end(self) -> None:
        self._bury()
        self.site.service.forget("observer")
        self.site.start_cloud()


class BrokerKilled(_Killed):
    """The broker forgets what it had not written to disk."""

    def __init__(self, site: Site) -> None:
        assert site.broker is not None
        super().__init__(site, site.broker)
        site.broker = None

    def end(self) -> None:
        self._bury()
        self.site.start_broker()


class PowerCut(Fault):
    """The firmware's process is killed; its flash file stays."""

    def __init__(self, site: Site) -> None:
        self._box = site.rng.choice([box for box in site.boxes if _may_lose_power(site, box)])
        super().__init__(site, f"box {self._box.source}")
        self._box.board.kill()
        self.exit_status = self._box.board.exit_status

    def end(self) -> None:
        self._box.board.restart()
        self.tell_outage(self._box.source, stops_audio=True, cuts_power=True)


class Unplugged(Fault):
    """The serial port's plug is pulled."""

    def __init__(self, site: Site) -> None:
        self._box = site.rng.choice([box for box in site.boxes if box.port.is_plugged])
        super().__init__(site, f"port of {self._box.source}")
        self._box.port.unplug()

    def end(self) -> None:
        site, port = self.site, self._box.port
        for _ in range(HANG_UP_STEPS):
            if port.path not in site.service.open_ports():
                break
            site.live(32)
        else:
            raise SimulatorError(f"the agent does not notice that {port.path} is gone; its log says why")
        port.plug()
        self._box.away_until_ms = site.now_ms
        self.tell_outage(self._box.source, stops_audio=True)


class WireDamaged(Fault):
    """Bytes on a serial wire are corrupted, dropped and doubled, in both directions."""

    def __init__(self, site: Site) -> None:
        self._box = site.rng.choice([box for box in site.boxes if box.wire.damage is None])
        super().__init__(site, f"wire of {self._box.source}")
        share = DAMAGE[0] * (DAMAGE[1] / DAMAGE[0]) ** site.rng.random() / 3
        self._box.wire.damage = Damage(share, share, share)

    def end(self) -> None:
        self._box.wire.damage = None
        self._box.away_until_ms = self.site.now_ms


class NetworkCut(Fault):
    """The desk's PC reaches neither cloud nor broker."""

    def __init__(self, site: Site) -> None:
        super().__init__(site, "network")
        site.hindered.add("network")
        for gate in site.gates:
            gate.cut()

    def end(self) -> None:
        for gate in self.site.gates:
            gate.mend()
        self.site.hindered.discard("network")


class ClockJump(Fault):
    """Somebody sets the clock of the desk's PC, up to eight hours off; later it is put right."""

    def __init__(self, site: Site) -> None:
        super().__init__(site, "clock of agent-0")
        site.service.agent_clock_ms = site.rng.choice((-1, 1)) * site.rng.randint(60_000, MAX_JUMP_MS)

    def end(self) -> None:
        self.site.service.agent_clock_ms = 0


class DiskFull(Fault):
    """The agent may write no more to any file (RLIMIT_FSIZE 0: EFBIG, as a full disk gives ENOSPC)."""

    def __init__(self, site: Site) -> None:
        assert site.agent is not None
        super().__init__(site, "disk of agent-0")
        self._child = site.agent
        site.hindered.add("disk")
        self._limit(0)

    def end(self) -> None:
        if self._child is self.site.agent:
            self._limit(resource.RLIM_INFINITY)
        self.site.hindered.discard("disk")
        self.tell_outage(Outages.EVERYBODY, stops_audio=True)

    def _limit(self, file_bytes: int) -> None:
        resource.prlimit(self._child.process.pid, resource.RLIMIT_FSIZE, (file_bytes, resource.RLIM_INFINITY))


class DatabaseRestarted(Fault):
    """PostgreSQL stops at once; when it is back it recovers from its log."""

    def __init__(self, site: Site) -> None:
        super().__init__(site, "database")
        site.hindered.add("database")
        self._cluster = site.settings.cluster
        assert self._cluster is not None
        self._cluster.crash()

    def end(self) -> None:
        assert self._cluster is not None
        self._cluster.start()
        self.site.hindered.discard("database")


def _may_lose_power(site: Site, box: Box) -> bool:
    """What a box has told is in the spool: the PC is there, and has been for a while."""
    is_heard = box.port.is_plugged and box.wire.damage is None and box.board.is_powered
    since_ms = max(box.away_until_ms, site.agent_since_ms)
    return is_heard and site.agent is not None and site.now_ms - since_ms >= SETTLE_MS


def _may_fill_disk(site: Site) -> bool:
    return site.agent is not None and "disk" not in site.hindered


def _may_kill_cloud(site: Site) -> bool:
    return site.cloud is not None and "database" not in site.hindered


def _may_stop_database(site: Site) -> bool:
    """The cloud runs: one that starts without its database says so and ends."""
    return site.settings.cluster is not None and site.cloud is not None and "database" not in site.hindered


def _is_plugged(_: Site, box: Box) -> bool:
    return box.port.is_plugged


def _is_whole(_: Site, box: Box) -> bool:
    return box.wire.damage is None


def any_box(site: Site, may: Callable[[Site, Box], bool]) -> bool:
    """True if there is a box for which `may`."""
    return any(may(site, box) for box in site.boxes)


@dataclass(frozen=True)
class FaultKind:
    """One row of the table.

    Attributes:
        seconds: shortest and longest, of line time; drawn so that each decade is as likely as the next.
        weight: how often, against the others.
        may_begin: False puts it off.
    """

    name: str
    seconds: tuple[float, float]
    weight: int
    begin: Callable[[Site], Fault]
    may_begin: Callable[[Site], bool]

    def draw_ms(self, rng: random.Random, most_s: float) -> int:
        """How long this one lasts, at most `most_s`."""
        low, high = self.seconds[0], max(self.seconds[0], min(self.seconds[1], most_s))
        share: float = (high / low) ** rng.random()
        return round(1000 * low * share)


FAULTS: tuple[FaultKind, ...] = (
    FaultKind("kill_agent", (1, 300), 3, AgentKilled, lambda site: site.agent is not None),
    FaultKind("kill_cloud", (1, 600), 2, CloudKilled, _may_kill_cloud),
    FaultKind("kill_broker", (1, 600), 2, BrokerKilled, lambda site: site.broker is not None),
    FaultKind("kill_firmware", (0.1, 2), 4, PowerCut, lambda site: any_box(site, _may_lose_power)),
    FaultKind("unplug", (0.5, 120), 4, Unplugged, lambda site: any_box(site, _is_plugged)),
    FaultKind("damage_bytes", (5, 60), 4, WireDamaged, lambda site: any_box(site, _is_whole)),
    FaultKind("cut_network", (5, 12 * 3600), 2, NetworkCut, lambda site: "network" not in site.hindered),
    FaultKind("clock_jump", (5, 600), 2, ClockJump, lambda site: not site.service.agent_clock_ms),
    FaultKind("disk_full", (2, 60), 1, DiskFull, _may_fill_disk),
    FaultKind("restart_database", (1, 60), 1, DatabaseRestarted, _may_stop_database),
)
