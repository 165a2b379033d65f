"""A box that is not answered, because its id is in use on another port, in virtual time."""

from pathlib import Path

from structlog.testing import capture_logs

from tests.host_agent.board import Board
from tests.host_agent.desk import Desk

SECOND = 1000


def test_a_double_is_taken_when_the_first_box_is_gone(tmp_path: Path) -> None:
    desk = Desk(tmp_path, ports=("P1", "P2"))
    desk.connect()
    desk.plug("P1", Board())
    with capture_logs() as logs:
        second = desk.plug("P2", Board())
        second.state("ring_started", 0, call=0)
        desk.run(60 * SECOND)
        assert not second.link.is_open
        desk.unplug("P1")
        desk.run(2 * SECOND)
    assert second.is_idle
    assert desk.attached[-1] == (second.source, "P2")
    assert len(desk.events("ring_started")) == 1
    assert [entry["event"] for entry in logs].count("box.double") == 1
