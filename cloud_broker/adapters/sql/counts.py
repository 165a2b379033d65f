"""What boxes and agents say they counted, as the comparison of each night finds it."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select

from cloud_broker.adapters.sql import tables
from cloud_broker.adapters.sql.bulk import insert_rows
from cloud_broker.domain.reconciliation import BoxCount

COUNTED = ("events", "calls", "recordings")


def keep_box_count(connection: Connection, source: str, boot: str, day: str, numbers: Sequence[int]) -> None:
    """`numbers` as COUNTED; they only grow in one boot, so the greatest of a day is kept."""
    greatest = "max" if connection.dialect.name == "sqlite" else "greatest"
    grown = ", ".join(f"{name} = {greatest}(box_count.{name}, excluded.{name})" for name in COUNTED)
    insert_rows(
        connection,
        tables.box_count,
        ("source", "boot", "day", *COUNTED),
        [(source, boot, day, *numbers)],
        or_else=f"ON CONFLICT (source, boot, day) DO UPDATE SET {grown}",
    )


def keep_report(connection: Connection, agent: str, source: str, now_ms: int, body: dict[str, Any]) -> None:
    """The newest report of an agent about a source takes the place of the one before.

    Since when it tells of a boot is kept: nothing else says when that boot was, while nothing of it is here.
    """
    table = tables.agent_report.c
    query = select(table.body).where(table.agent == agent, table.source == source)
    before = connection.execute(query).scalar()
    known = json.loads(before)["boots"] if before else {}
    for boot, said in body["boots"].items():
        said["since_ms"] = known.get(boot, {}).get("since_ms", now_ms)
    insert_rows(
        connection,
        tables.agent_report,
        ("agent", "source", "at_ms", "body"),
        [(agent, source, now_ms, json.dumps(body, sort_keys=True))],
        or_else="ON CONFLICT (agent, source) DO UPDATE SET at_ms = excluded.at_ms, body = excluded.body",
    )


def load_box_counts(connection: Connection, source: str) -> dict[str, list[BoxCount]]:
    """Boot → counts by day, ascending."""
    table = tables.box_count
    found: dict[str, list[BoxCount]] = {}
    for row in connection.execute(select(table).where(table.c.source == source).order_by(table.c.day)):
        count = BoxCount(row.day, row.events, row.calls, row.recordings)
        found.setdefault(row.boot, []).append(count)
    return found


def load_reports(connection: Connection, source: str) -> list[dict[str, Any]]:
    """What each agent that knows the source reported of it last."""
    table = tables.agent_report
    reports = []
    for row in connection.execute(select(table).where(table.c.source == source)):
        body = json.loads(row.body)
        for said in body["boots"].values():
            said.setdefault("since_ms", row.at_ms)  # kept by an older version
        reports.append(body | {"agent": row.agent})
    return reports
