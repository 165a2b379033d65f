"""The cloud's figures, read by Prometheus' own parser: well formed, true, and on loopback only."""

import httpx
import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from cloud_broker.adapters.mqtt import Broker, Connection
from cloud_broker.adapters.sql.engine import Database
from cloud_broker.bootstrap import Cloud
from cloud_broker.errors import PortTaken
from cloud_broker.handlers.consumer import Consumer
from cloud_broker.metrics import MetricsServer, build_metrics
from tests.cloud_broker import world
from tests.cloud_broker.test_consumer import incoming
from tests.cloud_broker.world import message, take_in


@pytest.fixture
def consumer(cloud: Cloud) -> Consumer:
    connection = Connection(Broker("127.0.0.1", 1))
    return Consumer(connection, cloud.database, cloud.clock, lambda pop: b"{}")


def read(text: str) -> dict[str, Metric]:
    return {family.name: family for family in text_string_to_metric_families(text)}


def value(families: dict[str, Metric], name: str, **labels: str) -> float:
    samples = [s for family in families.values() for s in family.samples]
    (found,) = [s.value for s in samples if s.name == f"cloudseat_cloud_{name}" and s.labels == labels]
    return float(found)


def test_metrics_are_well_formed_and_true(cloud: Cloud, consumer: Consumer) -> None:
    batch = [incoming(*message(event)[:2]) for event in world.answered_call()]
    consumer._work([*batch, incoming("cloudseat/v1/x", b"?")])
    take_in(cloud, [world.answered_call("13900000000")[3]])
    families = read(build_metrics(cloud.database, consumer))
    assert value(families, "messages_total") == 9
    assert (value(families, "events_total"), value(families, "dead_letters_total")) == (8, 1)
    assert value(families, "dead_letters_open") == 2
    assert value(families, "alarms_open", kind="event_conflict") == 1
    assert value(families, "boxes", state="online") == 1
    assert value(families, "boxes", state="offline") == 0
    assert (value(families, "broker_up"), value(families, "database_up")) == (0, 1)
    for family in families.values():
        assert family.documentation
        assert family.type == ("counter" if family.samples[0].name.endswith("_total") else "gauge")


def test_a_database_that_is_away_is_a_figure(consumer: Consumer) -> None:
    away = Database("postgresql://nobody@127.0.0.1:1/none")
    families = read(build_metrics(away, consumer))
    assert value(families, "database_up") == 0
    assert "cloudseat_cloud_alarms_open" not in families
    away.close()


def test_they_are_served_on_loopback_and_not_built_at_each_scrape() -> None:
    built: list[int] = []

    def build() -> str:
        built.append(1)
        return "x 1\n"

    server = MetricsServer(0, build)
    address = f"http://127.0.0.1:{server.port}"
    assert httpx.get(f"{address}/metrics").text == "x 1\n"
    assert httpx.get(f"{address}/metrics").text == "x 1\n"
    assert (len(built), httpx.get(f"{address}/").status_code) == (1, 404)
    assert server._server.server_address[0] == "127.0.0.1"
    with pytest.raises(PortTaken):
        MetricsServer(server.port, build)
    server.close()
