"""The exchange: what it does in which order, and the truth it writes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.call import CallerId, CallTruth, IncomingCall
from sim.exchange import TRANSITIONS, Input, State
from sim.person import parse_step
from sim.scenario import Scenario, ScenarioRun, read_scenario
from sim.signals.dtmf import dtmf_train
from sim.signals.levels import to_pcm
from sim.signals.messages import Caller


def run(text: str, limit_s: float = 400.0) -> tuple[ScenarioRun, list[tuple[int, str]]]:
    """Play a scenario to its end; the run and what happened when."""
    play = ScenarioRun(read_scenario(text))
    happened: list[tuple[int, str]] = []
    play.exchange.listeners.append(lambda what: happened.append((play.line.agenda.now_ms, what)))
    while not play.is_over:
        play.line.step(256)
        assert play.line.agenda.now_ms < limit_s * 1000
    return play, happened


def only_truth(text: str) -> CallTruth:
    """The truth of a scenario with one call."""
    truths = run(text)[0].truths
    assert len(truths) == 1
    return truths[0]


INBOUND = """
[[call]]
at = 1.0
number = "13800138000"
"""


def test_an_answered_call() -> None:
    truth = only_truth(
        INBOUND
        + 'desk = ["until ring 2", "wait 0.5", "lift", "talk 4", "until tone busy", "wait 1", "hang up"]\n'
        + 'far = ["until answer", "talk 4", "hang up"]\n'
    )
    assert (truth.direction, truth.number, truth.outcome) == ("in", "13800138000", "answered")
    assert (truth.started_ms, truth.ring_count, truth.caller_id) == (1000, 2, "mdmf")
    assert truth.off_hook_ms == truth.answered_ms == 6500
    assert truth.far_hung_up_ms == 10_500 and truth.hung_up_first == "far"
    assert truth.on_hook_ms == truth.ended_ms == 11_900
    assert truth.talk_ms == truth.off_hook_for_ms == 5400


def test_the_desk_hangs_up_first() -> None:
    truth = only_truth(INBOUND + 'desk = ["until ring 1", "lift", "talk 2", "hang up"]\n')
    assert truth.hung_up_first == "desk" and truth.talk_ms == 2000


def test_an_early_lift_loses_the_caller_id() -> None:
    truth = only_truth(INBOUND + 'desk = ["until ring 1", "wait 0.4", "lift", "talk 1", "hang up"]\n')
    assert truth.caller_id == "none" and truth.ring_count == 1


def test_fsk_stands_between_the_first_two_bursts() -> None:
    _, happened = run(INBOUND + 'far = ["until ring 3", "hang up"]\n')
    times = {what: at_ms for at_ms, what in happened}
    assert times["ring 1"] == 1000 and times["ring 2"] == 6000 and times["ring 3"] == 11_000
    assert 2500 < times["caller-id sent"] < times["ring 2"] - 200


def test_dtmf_stands_before_the_first_burst_with_its_reversal() -> None:
    text = (
        INBOUND
        + 'caller_id = { format = "dtmf", reversal = true }\nfar = ["until ring 1", "wait 0.1", "hang up"]\n'
    )
    play, happened = run(text)
    times = {what: at_ms for at_ms, what in happened}
    assert times["caller-id sent"] < times["ring 1"]
    assert play.truths[0].started_ms == 1000 and play.truths[0].caller_id == "dtmf"
    again = ScenarioRun(read_scenario(text))
    assert again.line.step(8 * 1500).loop_mv[-1] < -40_000


@pytest.mark.parametrize(
    "far", ['["until ring 1", "wait 0.3", "hang up"]', '["until ring 3", "wait 2", "hang up"]']
)
def test_a_missed_call(far: str) -> None:
    truth = only_truth(INBOUND + f"far = {far}\n")
    assert truth.outcome == "missed" and truth.off_hook_ms is None and truth.talk_ms == 0
    assert truth.ended_ms == truth.far_hung_up_ms


def test_a_call_taken_elsewhere() -> None:
    truth = only_truth(INBOUND + 'far = ["until ring 2", "elsewhere"]\n')
    assert truth.outcome == "answered_elsewhere" and truth.off_hook_ms is None


def test_nobody_answers() -> None:
    truth = only_truth(INBOUND)
    assert truth.outcome == "missed" and truth.ring_count == 12 and truth.far_hung_up_ms is None


@pytest.mark.parametrize(("verb", "number"), [("dial", "13900139000"), ("pulse", "10086"), ("dial", "0571")])
@pytest.mark.parametrize("reversal", ["true", "false"])
def test_an_outbound_call(verb: str, number: str, reversal: str) -> None:
    truth = only_truth(
        f'[[call]]\nat = 1.0\ndirection = "out"\nreversal = {reversal}\n'
        f'desk = ["lift", "until tone dial", "{verb} {number}", "until answer", "talk 3", "hang up"]\n'
        'far = ["until ringback 2", "wait 1", "lift", "talk 3"]\n'
    )
    assert (truth.direction, truth.number, truth.outcome) == ("out", number, "outbound_connected")
    assert truth.talk_ms == 3000 and truth.off_hook_ms == 1000
    assert truth.off_hook_for_ms > truth.talk_ms


@pytest.mark.parametrize("route", ["busy", "congestion", "vacant"])
def test_an_outbound_call_that_is_not_reached(route: str) -> None:
    play, happened = run(
        f'[[call]]\nat = 1.0\ndirection = "out"\nroute = "{route}"\n'
        f'desk = ["lift", "until tone dial", "dial 10086", "until tone {route}", "wait 3", "hang up"]\n'
    )
    assert play.truths[0].outcome == "outbound_unanswered"
    assert f"tone {route}" in [what for _, what in happened]


def test_a_forgotten_handset_gets_busy_howler_and_silence() -> None:
    _, happened = run(
        "[exchange]\nfirst_digit_ms = 2000\nbusy_for_ms = 3000\nhowl_for_ms = 3000\n"
        '[[call]]\nat = 1.0\ndirection = "out"\ndesk = ["lift", "until parked", "wait 1", "hang up"]\n'
    )
    assert [what for _, what in happened] == ["tone dial", "tone busy", "tone howler", "parked", "idle"]


def test_a_flash_does_not_end_the_call() -> None:
    truth = only_truth(INBOUND + 'desk = ["until ring 1", "lift", "talk 1", "flash", "talk 1", "hang up"]\n')
    assert truth.talk_ms == 2000


def test_a_cut_ends_the_call_for_the_exchange() -> None:
    truth = only_truth(
        INBOUND
        + 'desk = ["until ring 1", "lift", "talk 5", "hang up"]\n'
        + '[[script]]\nwho = "lineman"\nat = 3.0\nsteps = ["cut", "wait 4", "mend"]\n'
    )
    assert truth.on_hook_ms == 3000


WAITING = """
[exchange]
call_waiting = true
[phone]
knows_call_waiting = KNOWS
[[call]]
at = 1.0
number = "13800138000"
desk = ["until ring 1", "lift", "talk 8", "hang up"]
[[call]]
at = 4.0
number = "13700137000"
"""


@pytest.mark.parametrize(("knows", "told"), [("true", ["13700137000"]), ("false", [])])
def test_a_waiting_call_is_told_to_sets_that_acknowledge(knows: str, told: list[str]) -> None:
    play, happened = run(WAITING.replace("KNOWS", knows))
    assert len(play.truths) == 1 and play.truths[0].waiting == told
    assert [what for _, what in happened].count("cas") == 1


def test_a_busy_line_without_call_waiting_takes_no_second_call() -> None:
    assert len(run(WAITING.replace("call_waiting = true", "").replace("KNOWS", "true"))[0].truths) == 1


def test_two_sets_are_one_call() -> None:
    truth = only_truth(
        INBOUND
        + 'desk = ["until ring 1", "lift", "talk 2", "hang up"]\n'
        + '[[script]]\nat = 2.0\nsteps = ["lift", "wait 3", "hang up"]\n'
    )
    assert truth.on_hook_ms == 5000


def test_talk_is_heard_and_stops() -> None:
    text = INBOUND + 'desk = ["until ring 1", "lift", "talk 6", "wait 4", "hang up"]\n'
    line = ScenarioRun(read_scenario(text)).line
    audio = line.step(8 * 12_000).audio.astype(float)
    assert np.std(audio[8 * 1500 : 8 * 6500]) > 500.0
    assert np.std(audio[8 * 7500 : 8 * 10_500]) < 50.0


def test_every_state_can_be_left() -> None:
    assert {state for state, _ in TRANSITIONS} == set(State)
    assert {what for _, what in TRANSITIONS} == set(Input)
    reached = {state for state, _ in TRANSITIONS.values()} | {State.IDLE}
    assert reached == set(State)


def test_who_still_waits_when_a_call_ends_does_not_act_in_the_next() -> None:
    play, _ = run(
        INBOUND
        + 'far = ["until ring 1", "hang up"]\ndesk = ["until ring 2", "lift"]\n'
        + '[[call]]\nat = 4.0\nnumber = "13700137000"\nfar = ["until ring 3", "hang up"]\n'
    )
    assert [truth.outcome for truth in play.truths] == ["missed", "missed"]


def test_the_box_dials_by_sound_alone() -> None:
    play = ScenarioRun(Scenario())
    dialled = to_pcm(dtmf_train("13800138000"))
    dialled = np.pad(dialled, (0, -len(dialled) % 256))
    play.line.put(None, True)
    for _ in range(40):
        play.line.step(256)
    for block in dialled.reshape(-1, 256):
        play.line.put(block, True)
        play.line.step(256)
    for _ in range(100):
        play.line.step(256)
    play.line.put(None, False)
    play.line.step(8 * 1000)
    assert [truth.number for truth in play.truths] == ["13800138000"]
    assert play.exchange.state is State.IDLE


SOMETHING = st.sampled_from(
    [
        ("desk", "lift"),
        ("desk", "hang up"),
        ("desk", "talk 3"),
        ("desk", "dial 10086"),
        ("desk", "pulse 119"),
        ("desk", "flash"),
        ("second", "lift"),
        ("second", "hang up"),
        ("second", "press 5"),
        ("far", "lift"),
        ("far", "hang up"),
        ("far", "talk 2"),
        ("far", "elsewhere"),
        ("lineman", "cut"),
        ("lineman", "mend"),
        ("caller", "mdmf"),
        ("caller", "dtmf"),
    ]
)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 6000), SOMETHING), max_size=25), st.booleans())
def test_whatever_people_do_every_call_ends_and_the_truth_is_in_order(
    deeds: list[tuple[int, tuple[str, str]]], call_waiting: bool
) -> None:
    play = ScenarioRun(read_scenario(f"[exchange]\ncall_waiting = {str(call_waiting).lower()}"))
    for pause_ms, (who, deed) in deeds:
        play.line.step(8 * (pause_ms or 1))
        if who == "caller":
            caller_id = CallerId("mdmf" if deed == "mdmf" else "dtmf")
            play.exchange.offer(IncomingCall(Caller("13800138000"), caller_id))
        else:
            step = parse_step(deed)
            play.verbs(who)[step.verb](step)
    for who in ("desk", "second", "far"):
        play.verbs(who)["hang up"](parse_step("hang up"))
    play.line.cut(False)
    play.line.step(8 * 90_000)
    assert play.exchange.state is State.IDLE and play.line.quiet_ms() > 0
    end_ms = 0
    for truth in play.truths:
        assert truth.ended_ms is not None and end_ms <= truth.started_ms <= truth.ended_ms
        assert truth.answered_ms is None or truth.started_ms <= truth.answered_ms <= truth.ended_ms
        assert (truth.off_hook_ms is None) == (truth.on_hook_ms is None)
        end_ms = truth.ended_ms
