"""The box dials by itself on the simulated exchange, and lets go of the line."""

from sim.exchange import Exchange
from sim.line import Line
from tests.firmware.bench import BLOCK, BLOCK_MS, LIFTED_MV, Bench
from tests.firmware.test_line_state import lift, settle


class Connected:
    """A bench whose box can hold a real simulated line."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.line = Line()
        self.exchange = Exchange(self.line)
        self.heard: list[str] = []
        self.exchange.listeners.append(self.heard.append)

    def run(self, duration_ms: int) -> None:
        """Let time pass on the line."""
        for _ in range(duration_ms // BLOCK_MS):
            output = self.bench.step(self.line.step(BLOCK))
            self.line.put(output.audio_out, output.seized)


def test_a_number_is_dialled_and_the_line_let_go(bench: Bench) -> None:
    connected = Connected(bench)
    connected.run(1024)
    bench.desk.command("dial", digits="13900139000")
    connected.run(8000)
    assert bench.desk.replies == [("dial", "done", "")]
    assert bench.desk.only("off_hook").fields["by"] == "box"
    assert connected.exchange.truths[0].number == "13900139000"
    bench.desk.command("hang_up")
    connected.run(2048)
    assert bench.desk.replies[-1] == ("hang_up", "done", "")
    assert "on_hook" in bench.desk.types() and not connected.line.is_off_hook


def test_a_handset_lifted_meanwhile_gets_the_line(bench: Bench) -> None:
    connected = Connected(bench)
    connected.run(1024)
    bench.desk.command("dial", digits="10086")
    connected.run(6016)
    connected.line.set_hook("phone", True)
    connected.run(1024)
    assert not bench.is_seized and connected.line.is_off_hook
    assert "on_hook" not in bench.desk.types()


def test_a_line_in_use_is_never_seized(bench: Bench) -> None:
    settle(bench)
    lift(bench, 640)
    bench.desk.command("dial", digits="10086")
    bench.hold(LIFTED_MV, 640)
    assert bench.desk.replies == [("dial", "refused", "line_in_use")] and not bench.is_seized


def test_a_line_that_does_not_answer_is_let_go(bench: Bench) -> None:
    settle(bench)
    bench.desk.command("dial", digits="10086")
    settle(bench)
    assert bench.is_seized
    bench.hold(48_000, 4000)
    assert not bench.is_seized
    assert bench.desk.replies == [("dial", "failed", "no_line")]
