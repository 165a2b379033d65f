"""Logs: one JSON object a line, whoever says it, and no telephone number in full."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from sqlalchemy import insert
from sqlalchemy.exc import DBAPIError

from cloud_broker.adapters.sql import tables
from cloud_broker.bootstrap import Cloud
from cloud_broker.log import configure_logging

NUMBER = "13800138000"


@pytest.fixture(autouse=True)
def logging_restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_an_error_of_the_database_names_no_number(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    try:
        with cloud.database.write() as connection:
            connection.execute(insert(tables.phone).values(resident_id=10**6, raw=NUMBER))
    except DBAPIError:
        structlog.get_logger().exception("consumer.failed", call="a1b2c3d4e5f6-1f2e3d4c-7-12345678")
    said = json.loads(capsys.readouterr().err)
    assert NUMBER not in json.dumps(said)
    assert (said["event"], said["call"]) == ("consumer.failed", "a1b2c3d4e5f6-1f2e3d4c-7-12345678")
    assert "IntegrityError" in said["exception"]


def test_a_library_says_it_in_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    try:
        raise RuntimeError(f"number {NUMBER}")
    except RuntimeError:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
    said = json.loads(capsys.readouterr().err)
    assert (said["level"], said["event"]) == ("error", "Exception in ASGI application")
    assert "138****8000" in said["exception"]
