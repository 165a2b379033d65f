"""Who is on duty at a desk: from the log-in to the log-out, and no longer than the session may last."""

from cloud_broker.bootstrap import Cloud
from cloud_broker.handlers.people import SESSION_LIFE_MS
from tests.cloud_broker import world
from tests.cloud_broker.world import CALL, DESK, HQ, NOW_MS, PASSWORD, Box, take_in


def log_in(cloud: Cloud, kind: str = "cookie") -> str:
    return cloud.people.log_in("wang", PASSWORD, address="", kind=kind).token


def on_duty(cloud: Cloud, later_ms: int = 0) -> str | None:
    cloud.clock.ms = NOW_MS + later_ms  # type: ignore[attr-defined]
    return cloud.reader.desk(HQ, DESK).on_duty


def test_a_closed_browser_ends_the_duty_with_its_session(cloud: Cloud) -> None:
    log_in(cloud)
    assert on_duty(cloud, SESSION_LIFE_MS - 1) == "小王"
    assert on_duty(cloud, SESSION_LIFE_MS) is None
    take_in(cloud, world.answered_call(box=Box(at_ms=NOW_MS + SESSION_LIFE_MS)))
    assert cloud.reader.call(HQ, CALL).agent is None


def test_a_call_within_the_session_is_of_who_logged_in(cloud: Cloud) -> None:
    log_in(cloud)
    cloud.clock.ms = NOW_MS + SESSION_LIFE_MS  # type: ignore[attr-defined]
    take_in(cloud, world.answered_call(box=Box(at_ms=NOW_MS + SESSION_LIFE_MS - 60_000)))
    assert cloud.reader.call(HQ, CALL).agent == "小王"


def test_a_program_that_gives_its_token_back_ends_nobodys_duty(cloud: Cloud) -> None:
    cookie, token = log_in(cloud), log_in(cloud, "token")
    cloud.people.log_out(token)
    assert cloud.people.find_session(token, "token") is None
    assert on_duty(cloud) == "小王"
    cloud.people.log_out(cookie)
    assert on_duty(cloud) is None
