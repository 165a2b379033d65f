"""Scenario files: what is read, and what is refused with a sentence."""

from pathlib import Path

import pytest

from sim.person import Step, parse_step
from sim.scenario import ScenarioError, ScenarioRun, load_scenario, read_scenario


def test_a_whole_file_is_read() -> None:
    scenario = read_scenario(
        """
        name = "all keys"
        seed = 9
        seconds = 30
        [line]
        battery_v = 24.0
        path = { noise_dbm0 = -50.0 }
        [exchange]
        call_waiting = true
        [phone]
        bounces = true
        dtmf = { on_ms = 60.0 }
        [[call]]
        at = 2.5
        name = "first"
        number = "13800138000"
        caller_name = "张"
        date = "12312359"
        caller_id = { format = "sdmf", level_dbm0 = -20.0 }
        cadence_ms = [[400, 200], [400, 4000]]
        desk = ["until ring 1", "lift"]
        far = ["wait 1"]
        [[script]]
        who = "lineman"
        at = 1.0
        steps = ["cut", "wait 1", "mend"]
        """
    )
    call = scenario.call[0]
    incoming = call.incoming()
    assert (scenario.seed, scenario.line.battery_v, scenario.line.path.noise_dbm0) == (9, 24.0, -50.0)
    assert scenario.seconds == 30.0 and scenario.phone.dtmf.on_ms == 60.0
    assert (call.at, incoming.caller.name, incoming.caller_id.format) == (2.5, "张", "sdmf")
    assert incoming.cadence_ms == ((400, 200), (400, 4000))
    assert call.desk == (Step("until", word="ring 1"), Step("lift"))
    assert scenario.script[0].steps[1] == Step("wait", seconds=1.0)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("name = ", "no TOML"),
        ("colour = 1", "colour: there is no such key"),
        ("[line]\nvolts = 3", "line.volts: there"),
        ('[[call]]\nnumbr = "1"', "call.1.numbr: there"),
        ('[[call]]\ncaller_id = { form = "x" }', "call.1.caller_id.form: there"),
        ('[[call]]\ncaller_id = { format = "morse" }', "call.1.caller_id.format: Input should be"),
        ('[[call]]\ndirection = "out"\nroute = "nowhere"', "call.1.route: Input should be"),
        ('[[call]]\nat = "soon"', "call.1.at: Input should be a valid number"),
        ('[[call]]\ndesk = ["jump"]', "call.1.desk: Value error, 'jump': unknown step"),
        ('[[call]]\nfar = ["wait long"]', "'wait long': needs a number of seconds"),
        ('[[call]]\ndesk = ["pulse 12A"]', "pulse needs keys"),
        ('[[script]]\nsteps = []\nwho = "ghost"', "script.1.who: Input should be"),
        ('[[script]]\nwho = "lineman"\nsteps = ["talk 3"]', "lineman"),
        ('[[script]]\nwho = "lineman"\nsteps = ["send music"]', "no disturbance 'music'; there are square,"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(text: str, complaint: str) -> None:
    with pytest.raises(ScenarioError) as refused:
        read_scenario(text)
    assert complaint in str(refused.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"absent\.toml"):
        load_scenario(tmp_path / "absent.toml")


def test_steps() -> None:
    assert parse_step("  hang   up ") == Step("hang up")
    assert parse_step("dial 13800138000#") == Step("dial", word="13800138000#")
    assert parse_step("until tone busy") == Step("until", word="tone busy")


def test_the_scenario_of_the_guide_plays() -> None:
    guide = Path(__file__).parents[2] / "docs" / "howto" / "line.md"
    text = guide.read_text(encoding="utf-8").split("```toml\n")[1].split("```")[0]
    play = ScenarioRun(read_scenario(text))
    while not play.is_over:
        play.line.step(8000)
    assert [truth.outcome for truth in play.truths] == ["missed", "outbound_connected"]
