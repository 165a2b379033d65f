"""What is asked often is found by an index, as SQLite says; PostgreSQL plans by what is in the tables."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event

from cloud_broker.adapters.sql import days
from cloud_broker.bootstrap import Cloud
from tests.cloud_broker.world import ANY_CALL, ANY_TICKET, HQ, WANG


def load_late_days(cloud: Cloud) -> None:
    with cloud.database.read() as connection:
        days.load_late_days(connection, 1)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("ask", "index"),
    [
        (lambda cloud: cloud.reader.calls(HQ, ANY_CALL, None, 50), "ix_call_started_ms_id"),
        (lambda cloud: cloud.reader.calls(WANG, ANY_CALL, None, 50), "ix_call_desk_started_ms"),
        (lambda cloud: cloud.reader.tickets(HQ, ANY_TICKET, None, 50), "ix_ticket_created_ms_id"),
        (load_late_days, "ix_event_late"),
    ],
)
def test_a_list_is_read_by_its_index(cloud: Cloud, ask: Callable[[Cloud], Any], index: str) -> None:
    said: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_more: Any) -> None:
        said.append((statement, values))

    event.listen(cloud.database.engine, "before_cursor_execute", note)
    ask(cloud)
    event.remove(cloud.database.engine, "before_cursor_execute", note)
    with cloud.database.read() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {said[0][0]}", said[0][1]).all()
    assert f"USING INDEX {index}" in plan[0][-1]
