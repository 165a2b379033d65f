"""Events, commands, topics and ids: every row of the tables, every error."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.commands import COMMANDS, NEEDS_CLOCK, RESULTS, check_command
from protocol.errors import MessageError, ProtocolError, TopicError
from protocol.events import AGENT_EVENTS, BOX_EVENTS, EVENTS, check_event, is_kind
from protocol.ids import build_boot, build_call_id, is_boot, is_source, parse_call_id
from protocol.topics import TOPICS, build_filter, build_pop_topic, build_topic, is_desk, parse_topic

SOURCE, BOOT = "a1b2c3d4e5f6", "1f2e3d4c-7"
CALL_ID = f"{SOURCE}-{BOOT}-12"

KINDS: dict[str, tuple[list[Any], list[Any]]] = {
    # kind: (values it takes, values it does not)
    "uint": ([0, 1, 0xFFFFFFFF], [-1, 1 << 32, True, "1", 1.0, None]),
    "call": ([0, 12], [-1, "12", False]),
    "int": ([0, -0x80000000, 0x7FFFFFFF], [0x80000000, -0x80000001, True, "0"]),
    "text": (["", "fsk-mdmf", "张" * 128], ["x" * 129, b"x", 1, None]),
    "bytes": ([b"", b"\xd5\xc5", bytearray(b"x"), bytes(128)], ["x", bytes(129), 1]),
    "bool": ([True, False], [0, 1, "true", None]),
    "digits": (["0", "13800138000", "ABCD*#", "1" * 32], ["", "1" * 33, "12a", "+86", "1 2", 110, b"110"]),
    "source": ([SOURCE, "0" * 12], ["A1B2C3D4E5F6", "a1b2c3d4e5f", SOURCE + "0", 1]),
    "call_id": ([CALL_ID], [SOURCE, f"{SOURCE}-{BOOT}-", f"{SOURCE}-{BOOT}-01", 12]),
    "ranges": ([[], [[0, 1]], ((2, 3),), [[0, 1]] * 64], [[[0]], [[0, -1]], [0, 1], [[0, 1]] * 65, {}]),
    "note": (["", "漏\n水", "张" * 1000], ["x" * 1001, b"x", 1, None]),
    "codes": ([[], ["water.leak"], ("a" * 32,), ["a"] * 20], [["a"] * 21, [""], ["a" * 33], [1], "water"]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds(kind: str) -> None:
    good, bad = KINDS[kind]
    assert [value for value in good if not is_kind(kind, value)] == []
    assert [value for value in bad if is_kind(kind, value)] == []


def test_every_kind_in_the_tables_is_tested() -> None:
    used = {kind for fields in EVENTS.values() for kind, _ in fields.values()}
    used |= {kind for arguments in COMMANDS.values() for kind, _ in arguments.values()}
    assert used <= set(KINDS)
    assert set(BOX_EVENTS).isdisjoint(AGENT_EVENTS)


def build_fields(table: dict[str, tuple[str, bool]], only_required: bool = False) -> dict[str, Any]:
    return {
        name: KINDS[kind][0][-1] for name, (kind, required) in table.items() if required or not only_required
    }


@pytest.mark.parametrize("event_type", EVENTS)
def test_every_event(event_type: str) -> None:
    table = EVENTS[event_type]
    check_event(event_type, build_fields(table))
    check_event(event_type, build_fields(table, only_required=True))
    check_event(event_type, {**build_fields(table), "from_a_newer_box": [1, 2]})
    for name, (kind, required) in table.items():
        fields = build_fields(table)
        with pytest.raises(MessageError) as caught:
            check_event(event_type, {**fields, name: KINDS[kind][1][0]})
        assert caught.value.reason == f"field:{name}"
        del fields[name]
        if required:
            with pytest.raises(MessageError) as caught:
                check_event(event_type, fields)
            assert caught.value.reason == f"missing:{name}"
        else:
            check_event(event_type, fields)
            check_event(event_type, {**fields, name: None})


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command(command: str) -> None:
    table = COMMANDS[command]
    check_command(command, build_fields(table))
    for name, (kind, _) in table.items():
        with pytest.raises(MessageError) as caught:
            check_command(command, {**build_fields(table), name: KINDS[kind][1][0]})
        assert caught.value.reason == f"argument:{name}"
        with pytest.raises(MessageError) as caught:
            check_command(command, {})
        assert caught.value.reason.startswith("missing:")


def test_what_is_in_no_table() -> None:
    for check, reason in ((check_event, "type"), (check_command, "command")):
        with pytest.raises(MessageError) as caught:
            check("explode", {})
        assert caught.value.reason == reason
    not_a_dict: Any = []
    with pytest.raises(MessageError, match="fields"):
        check_event("fault", not_a_dict)
    with pytest.raises(MessageError, match="arguments"):
        check_command("dial", not_a_dict)
    assert set(NEEDS_CLOCK) < set(COMMANDS)
    assert len(set(RESULTS)) == 4


@given(st.integers(0, 0xFFFFFFFF), st.integers(1, 0xFFFFFFFF), st.integers(0, 0xFFFFFFFF))
def test_ids_round_trip(life: int, count: int, call: int) -> None:
    boot = build_boot(life, count)
    assert is_boot(boot)
    assert parse_call_id(build_call_id(SOURCE, boot, call)) == (SOURCE, boot, call)


@pytest.mark.parametrize(
    "text",
    ["", "-", "1f2e3d4c", "1f2e3d4c-", "1f2e3d4c-0", "1f2e3d4c-07", "1F2E3D4C-7", "1f2e3d4-7",
     "1f2e3d4c-4294967296", "1f2e3d4c-٣", "1f2e3d4c-7-1", "1f2e3d4c--7", "1f2e3d4c-+7"],
)  # fmt: skip
def test_what_is_no_boot(text: str) -> None:
    assert not is_boot(text)
    with pytest.raises(MessageError, match="call_id"):
        parse_call_id(f"{SOURCE}-{text}-1")


@given(st.text(max_size=40))
def test_any_text_is_a_call_id_or_refused(text: str) -> None:
    is_source(text)
    try:
        assert build_call_id(*parse_call_id(text)) == text
    except MessageError as error:
        assert error.reason == "call_id"


@pytest.mark.parametrize("name", TOPICS)
def test_every_topic(name: str) -> None:
    topic = build_topic(name, "tianyu-1", SOURCE)
    assert topic == f"cloudseat/v1/tianyu-1/{SOURCE}/{TOPICS[name][0]}"
    assert parse_topic(topic) == (name, "tianyu-1", SOURCE)
    assert build_filter(name) == f"cloudseat/v1/+/+/{TOPICS[name][0]}"
    assert build_filter(name, "tianyu-1") == f"cloudseat/v1/tianyu-1/+/{TOPICS[name][0]}"


def test_the_pop_topic_is_no_sources() -> None:
    assert build_pop_topic("tianyu-1") == "cloudseat/v1/tianyu-1/pop"
    with pytest.raises(TopicError):
        parse_topic("cloudseat/v1/tianyu-1/pop")


@pytest.mark.parametrize(
    "topic",
    ["", "cloudseat/v1", "cloudseat/v2/d/a1b2c3d4e5f6/event", "cloudseat/v1/d/a1b2c3d4e5f6/explode",
     "cloudseat/v1/D/a1b2c3d4e5f6/event", "cloudseat/v1//a1b2c3d4e5f6/event", "cloudseat/v1/d/box/event",
     "cloudseat/v1/d/a1b2c3d4e5f6/event/", "cloudseat/v1/+/a1b2c3d4e5f6/event", "cloudseat/v1/d/#"],
)  # fmt: skip
def test_what_is_no_topic(topic: str) -> None:
    with pytest.raises(TopicError) as caught:
        parse_topic(topic)
    assert caught.value.topic == topic
    assert isinstance(caught.value, ProtocolError)


def test_no_topic_is_built_of_a_wrong_part() -> None:
    for build in (
        lambda: build_topic("explode", "d", SOURCE),
        lambda: build_topic("event", "d/#", SOURCE),
        lambda: build_topic("event", "d", "+"),
        lambda: build_filter("explode"),
        lambda: build_filter("event", "#"),
        lambda: build_pop_topic("+"),
    ):
        with pytest.raises(TopicError):
            build()
    assert not is_desk("") and not is_desk("x" * 33) and is_desk("x" * 32)
