"""The command self_test: one event an item, only on an idle line."""

from tests.firmware.bench import IDLE_MV, LIFTED_MV, Bench
from tests.firmware.test_line_state import lift, settle


def run(bench: Bench, loop_mv: int = IDLE_MV) -> dict[str, tuple[bool, int, int]]:
    """item -> (passed, value, limit)."""
    bench.desk.command("self_test")
    bench.hold(loop_mv, 320)
    told = [event.fields for event in bench.desk.events if event.type == "self_test"]
    return {fields["item"]: (fields["passed"], fields["value"], fields["limit"]) for fields in told}


def test_a_good_line_passes(bench: Bench) -> None:
    settle(bench)
    items = run(bench)
    assert bench.desk.replies == [("self_test", "done", "")]
    assert [item[0] for item in items.values()] == [True] * 3
    assert abs(items["line_mv"][1] - IDLE_MV) < 500 and 0 < items["noise"][1] < 30
    assert items["flash_errors"] == (True, 0, 0)


def test_a_pbx_with_24_volts_is_told_with_the_limit_it_missed(bench: Bench) -> None:
    bench.hold(24_000, 640)
    passed, value, limit = run(bench, 24_000)["line_mv"]
    assert not passed and abs(value - 24_000) < 500 and limit == 40_000


def test_never_on_a_line_in_use(bench: Bench) -> None:
    settle(bench)
    lift(bench, 640)
    assert run(bench, LIFTED_MV) == {}
    assert bench.desk.replies == [("self_test", "refused", "line_in_use")]
