"""docs/PROTOCOL.md says what the code does: each of its tables compared, its drawing made anew."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

from protocol import framing, link, messages
from protocol.commands import COMMANDS, NEEDS_CLOCK, RESULTS
from protocol.const import MAX_AUDIO_BYTES, MAX_PAYLOAD, PROTOCOL_VERSION
from protocol.event_json import CLOCKS
from protocol.events import (
    AGENT_EVENTS,
    BOX_EVENTS,
    MAX_CODE,
    MAX_CODES,
    MAX_DIGITS,
    MAX_NOTE,
    MAX_RANGES,
    MAX_TEXT,
)
from protocol.ids import is_boot, is_source, parse_call_id
from protocol.topics import POP, TOPICS, is_desk

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "PROTOCOL.md").read_text(encoding="utf-8")


def read_table(name: str) -> list[list[str]]:
    """The rows of the table behind `<!-- table: name -->`, without its head."""
    _, _, rest = TEXT.partition(f"<!-- table: {name} -->\n\n")
    lines = rest.partition("\n\n")[0].splitlines()
    assert len(lines) > 2, f"no table {name}"
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[2:]]


def parse_fields(text: str) -> dict[str, tuple[str, bool]]:
    """`call call, number digits?` as the code's tables have it."""
    fields = {}
    for part in filter(None, text.split(", ")):
        name, kind = part.split()
        fields[name] = (kind.rstrip("?"), not kind.endswith("?"))
    return fields


def test_frame() -> None:
    sizes = {row[0]: row[1] for row in read_table("frame")}
    assert list(sizes) == ["session", "type", "sequence number", "acknowledgement", "payload", "CRC-32"]
    assert sizes["payload"] == f"0..{MAX_PAYLOAD}"
    assert sum(int(size) for size in list(sizes.values())[:4]) == framing.HEADER_SIZE
    assert int(sizes["CRC-32"]) == framing.CRC_SIZE
    longest = max(
        len(framing.encode_frame(0x1234, 3, 0x1234, 0x1234, bytes([fill]) * MAX_PAYLOAD)) for fill in (0, 1)
    )
    assert longest == framing.MAX_ENCODED + 1
    assert f"The longest frame is {longest} bytes with its ending zero" in TEXT


def test_frame_types() -> None:
    assert {name: int(number) for number, name, _ in read_table("frame types")} == {
        name: getattr(framing, name) for name in ("HELLO", "CONTROL", "AUDIO", "ACK_CONTROL", "ACK_AUDIO")
    }


def test_link_constants() -> None:
    for name, value, meaning in read_table("link"):
        assert getattr(link, name) == int(value), name
        if name.endswith("_WINDOW"):
            assert f"{int(value) * MAX_PAYLOAD:,} bytes" in meaning


def load_script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_drawing_of_the_link_is_current() -> None:
    assert load_script("draw_link").redraw(TEXT) == TEXT, "run python docs/draw_link.py"
    assert TEXT.count("stateDiagram-v2") == 2


def test_messages() -> None:
    shapes = {row[0]: tuple(part.split()[1] for part in row[2].split(", ")) for row in read_table("messages")}
    assert shapes == messages._SHAPES
    assert f"payloads with {messages.CAPTURE:,} in place of the call" in TEXT
    assert f"for each {messages.CAPTURE_STEP:,} samples begun" in TEXT


def test_ids() -> None:
    examples = {row[0]: row[2].strip("`") for row in read_table("ids")}
    assert is_source(examples["source"]) and is_boot(examples["boot"]) and is_desk(examples["desk"])
    parts = (examples["source"], examples["boot"], int(examples["call on the box"]))
    assert parse_call_id(examples["call id, recording id"]) == parts


def test_events() -> None:
    rows = read_table("events")
    for source, table in (("box", BOX_EVENTS), ("agent", AGENT_EVENTS)):
        said = {row[0]: parse_fields(row[2]) for row in rows if row[1] == source}
        assert said == table
    assert f"`text` (≤ {MAX_TEXT} characters)" in TEXT
    assert f"(1..{MAX_DIGITS} of 0-9 A-D * #)" in TEXT
    assert f"`ranges` (≤ {MAX_RANGES} of [first, count])" in TEXT
    assert f"`note` (≤ {MAX_NOTE:,} characters)" in TEXT
    assert f"`codes` (≤ {MAX_CODES} texts of 1..{MAX_CODE} characters)" in TEXT
    assert f"1..{MAX_AUDIO_BYTES} bytes of A-law" in TEXT


def test_commands() -> None:
    rows = read_table("commands")
    assert {row[0]: parse_fields(row[1]) for row in rows} == COMMANDS
    assert {row[0] for row in rows if row[2] == "yes"} == set(NEEDS_CLOCK)
    assert "result `{}`, `{}`, `{}` or `{}`".format(*RESULTS) in TEXT.replace("\n", " ")


def test_topics() -> None:
    rows = {row[0]: row for row in read_table("topics")}
    assert set(rows) == {*TOPICS, POP}
    for name, (level, direction, qos, is_retained, _) in TOPICS.items():
        assert rows[name][1:5] == [level, direction, str(qos), "yes" if is_retained else "no"], name
    assert "`{}`, `{}` or `{}`".format(*CLOCKS) in TEXT


def test_version() -> None:
    assert TEXT.startswith(f"# The CloudSeat protocol, version {PROTOCOL_VERSION}\n")
    assert f"this is {PROTOCOL_VERSION}." in TEXT
