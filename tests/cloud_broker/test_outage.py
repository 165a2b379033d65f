"""The database cannot be reached: each request gets one clear answer, at once."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from cloud_broker.adapters.clock import SystemClock
from cloud_broker.adapters.objects import FolderStore
from cloud_broker.adapters.sql.engine import Database
from cloud_broker.bootstrap import assemble
from cloud_broker.settings import Settings
from cloud_broker.trouble import Trouble
from cloud_broker.web.outage import RETRY_S
from sim.demo.stack import find_free_port
from tests.cloud_broker.serving import asking


@pytest.fixture
def client(tmp_path: Path) -> Iterator[httpx.Client]:
    """A cloud whose PostgreSQL does not listen."""
    database = Database(f"postgresql://cloud@127.0.0.1:{find_free_port()}/cloud")
    store = FolderStore(tmp_path)
    with asking(
        assemble(Settings(data_dir=tmp_path, demo=True), SystemClock(), database, store, b"k" * 32)
    ) as made:
        yield made
    database.close()


def test_a_program_is_told_to_try_again(client: httpx.Client) -> None:
    answer = client.get("/api/v1/calls", headers={"Authorization": "Bearer some-token"})
    assert answer.status_code == 503
    assert answer.json()["error"]["reason"] == "database_away"
    assert answer.headers["Retry-After"] == str(RETRY_S)


def test_a_person_gets_a_page_that_tries_again_by_itself(client: httpx.Client) -> None:
    client.cookies.set("cloudseat_session", "some-session")
    answer = client.get("/desk")
    assert answer.status_code == 503
    assert "数据库暂时连不上" in answer.text
    assert f'http-equiv="refresh" content="{RETRY_S}"' in answer.text


def test_a_form_keeps_what_was_typed(client: httpx.Client) -> None:
    client.cookies.set("cloudseat_session", "some-session")
    answer = client.post("/tickets", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Reswap"]) == (503, "none")


def test_the_health_check_says_so_too(client: httpx.Client) -> None:
    assert client.get("/healthz").status_code == 503


def test_an_outage_is_logged_when_it_begins_and_when_it_is_over() -> None:
    trouble = Trouble("consumer.database_away", "consumer.database_back")
    with capture_logs() as said:
        for _ in range(2):
            trouble.end()
            for _ in range(60):
                trouble.tell("connection refused", 2.0)
            trouble.end()
    assert [entry["event"] for entry in said] == 2 * ["consumer.database_away", "consumer.database_back"]
    assert said[1]["failures"] == 60
