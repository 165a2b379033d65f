"""A desk in virtual time with its own page served for real: a roster, a board to ring, a browser."""

import hashlib
import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from host_agent.desk.page import DeskPage, open_page
from host_agent.desk.reach import EVERY_MS as PING_EVERY_MS
from host_agent.desk.roster_cache import RosterCache
from host_agent.uploads import CloudAccess
from protocol.desk_page import derive_page_key, hash_token
from tests.host_agent.board import Board
from tests.host_agent.cloud import TOKEN, FakeCloud
from tests.host_agent.desk import Desk

KEY = derive_page_key(hash_token(TOKEN))
WANG = "13812345678"
SHARED = "01062345678"


def build_roster(**changes: Any) -> dict[str, Any]:
    """A small project as the cloud sends it."""

    def person(name: str, numbers: list[str], **more: Any) -> dict[str, Any]:
        facts = {"salutation": "", "rooms": ["3栋-2单元-1102"], "role": "owner", "tags": [], "former": False}
        return facts | {"name": name, "numbers": numbers, "arrears": []} | more

    def item(code: str, zh: str, en: str, urgency: str = "normal", items: Any = ()) -> dict[str, Any]:
        return {"code": code, "name_zh": zh, "name_en": en, "urgency": urgency, "items": list(items)}

    water = [item("water.leak", "漏水", "Leak", "major"), item("water.blocked", "堵塞", "Blocked drain")]
    lift = [item("lift.trapped", "困人", "Person trapped", "critical")]
    groups = [
        item("water", "给排水", "Water and drains", items=water),
        item("lift", "电梯", "Lift", items=lift),
    ]
    owed = ["3栋-2单元-1102", "物业费", 128_640, "2026-03-15"]
    return {
        "v": 1,
        "desk": {"id": "desk-1", "place": ["华南分公司", "天屿花园", "前台一号"]},
        "area_code": "010",
        "rules": 1,
        "complete": True,
        "residents": [
            person("王建国", ["+86" + WANG], salutation="先生", tags=["VIP"], arrears=[owed]),
            person("刘洋", ["+86" + SHARED[1:]], rooms=["5栋-1单元-2201"]),
            person("赵雅琴", ["+86" + SHARED[1:]], rooms=["5栋-1单元-2201"], role="family"),
        ],
        "items": [
            {"kind": "repair", "name_zh": "报修", "name_en": "Repair", "groups": groups},
            {"kind": "complaint", "name_zh": "投诉", "name_en": "Complaint",
             "groups": [item("noise", "噪音", "Noise")]},
        ],
        **changes,
    }  # fmt: skip


class PageDesk:
    """`desk` is driven by the test; requests of the page come in between its steps."""

    def __init__(self, folder: Path, cloud: FakeCloud, console: str = "", **settings: Any) -> None:
        self.cloud = cloud
        self.console = console or cloud.url
        self.desk = Desk(folder, **settings)
        self.lock = threading.RLock()
        self.board = Board()
        self.said = 0
        self.cache = RosterCache(folder, TOKEN)
        self.join()
        self.page = self._serve()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.page.port}"

    def join(self) -> None:
        """Credentials are there."""
        access = CloudAccess(self.cloud.url, TOKEN)
        self.desk.core.parts.desk.join(access, self.cache, KEY, self.desk.clock.now())

    def fetch_roster(self) -> None:
        """Ask the cloud for it, as the core does when it is due."""
        with self.lock:
            self.desk.tick()
            self.desk.work("roster")

    def look_for_cloud(self, times: int) -> None:
        """Let the agent ask so often whether the cloud is there, as it does while a page looks on."""
        for _ in range(times):
            with self.lock:
                self.desk.run(PING_EVERY_MS)
                self.desk.work("ping", "tickets")

    def plug(self) -> None:
        """The board is there and says what it has said before now."""
        with self.lock:
            self.desk.plug("P1", self.board)

    def say(self, event_type: str, ms_later: int = 100, **fields: Any) -> int:
        """The board states an event, of its own call unless one is given; returns its number."""
        with self.lock:
            uptime_ms = self.desk.clock.now().elapsed_ms
            self.said += 1
            self.board.state(event_type, uptime_ms, **{"call": self.said - 1} | fields)
            self.desk.run(ms_later)
            return self.said - 1

    def ring(self, number: str | None = WANG, **caller_id: Any) -> int:
        """Somebody calls; returns the call as the board numbers it."""
        call = self.say("ring_started")
        self.say("ring_burst", call=call, burst=1)
        if number is not None:
            self.say("caller_id", call=call, format="fsk-mdmf", number=number, **caller_id)
        return call

    def name_of(self, call: int) -> str:
        """The call's id right of the box."""
        return f"{self.board.source}-{self.board.boot}-{call}"

    def put(self, item: Any) -> None:
        with self.lock:
            self.desk.handle(item)

    def restart(self) -> None:
        """kill -9 of the agent; the page comes back at the same port."""
        port = self.page.port
        self.page.close()
        with self.lock:
            self.desk.core.parts.desk.leave()
            self.desk.restart()
            self.join()
            self.desk.tick()
        self.page = self._serve(port)

    def close(self) -> None:
        self.page.close()
        self.desk.core.parts.recordings.close()
        self.desk.database.close()

    def _serve(self, port: int = 0) -> DeskPage:
        folder = self.desk.settings.data_dir
        window = self.desk.core.parts.desk.window
        agent = self.desk.identity.agent_id

        return open_page(
            port, self.console, agent, folder, folder / "spool.sqlite", window, self.put, self.unix_ms
        )

    def unix_ms(self) -> int:
        """The PC's clock."""
        return self.desk.clock.now().unix_ms


@contextmanager
def page_desk(folder: Path, **settings: Any) -> Iterator[PageDesk]:
    """With a cloud that has the roster of `build_roster`, fetched already, and the board plugged in."""
    cloud = FakeCloud()
    cloud.roster = build_roster()
    made = PageDesk(folder, cloud, **settings)
    try:
        made.fetch_roster()
        made.plug()
        yield made
    finally:
        made.close()
        cloud.close()


class Browser:
    """Sends what a browser would; `cookie` is the page's key unless told otherwise."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.token = hashlib.sha256(f"cloudseat desk form 1 {KEY}".encode()).hexdigest()[:32]

    def ask(
        self, method: str, path: str, body: Any = None, *, cookie: str = KEY, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """(status, headers, body). Names of `headers` are written with _ for -."""
        sent = {"Host": f"127.0.0.1:{self.port}", "Cookie": f"cloudseat_page={cookie}"}
        if body is not None:
            sent |= {"X-CSRF-Token": self.token, "Content-Type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            data = None if body is None else json.dumps(body).encode()
            connection.request(method, path, data, sent)
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()
        finally:
            connection.close()
