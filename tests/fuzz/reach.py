"""Which lines of a target its inputs reach: what stops in front of a check proves nothing behind it."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any

import cloud_broker.handlers.recordings
import cloud_broker.web.api.recordings
import firmware.line.caller_id
import host_agent.bridge
import host_agent.commands
import protocol.cbor
import protocol.event_json
import protocol.framing
import protocol.ids
import protocol.link
import protocol.messages
import protocol.topics
import protocol.window
from tests.fuzz.mutation import Draw, mutate
from tests.fuzz.targets import TARGETS, load_corpus

SUBJECTS: dict[str, list[ModuleType | FunctionType]] = {
    "frames": [protocol.framing],
    "cbor": [protocol.cbor],
    "messages": [protocol.messages],
    "link": [protocol.link, protocol.window],
    "mqtt": [protocol.event_json, protocol.topics.parse_topic, protocol.ids.is_boot, protocol.ids.is_source],
    "downlink": [host_agent.commands.judge_command, host_agent.bridge.decode_committed],
    "caller_id": [firmware.line.caller_id],
    "upload": [
        cloud_broker.handlers.recordings.parse_digest,
        cloud_broker.web.api.recordings.parse_range,
        protocol.ids.parse_call_id,
    ],
}
"""What a target is to reach: the functions of a module, or one function."""


@dataclass(frozen=True)
class Reach:
    """Lines of a target's subjects; `missed` as `file:line`."""

    target: str
    count: int
    lines: int
    missed: list[str]

    @property
    def share(self) -> float:
        """0..1 of the lines."""
        return 1 - len(self.missed) / self.lines

    def __str__(self) -> str:
        missed = f"; not {', '.join(self.missed)}" if self.missed else ""
        return f"reach {self.target}: {self.count} inputs, {self.share:.1%} of {self.lines} lines{missed}"


def measure_reach(target: str, count: int, seed: int) -> Reach:
    """Feed the corpus, then mutations of it, and watch."""
    codes = {code for subject in SUBJECTS[target] for code in _codes_of(subject)}
    corpus, draw = load_corpus(target), Draw(seed)
    check = TARGETS[target]
    reached: set[tuple[CodeType, int]] = set()

    def watch(frame: FrameType, event: str, _argument: Any) -> Any:
        if frame.f_code not in codes:
            return None
        if event == "line":
            reached.add((frame.f_code, frame.f_lineno))
        return watch

    before = sys.gettrace()
    sys.settrace(watch)
    try:
        for number in range(count):
            check(corpus[number] if number < len(corpus) else mutate(draw, corpus))
    finally:
        sys.settrace(before)
    lines = {(code, line) for code in codes for line in _lines_of(code)}
    missed = sorted(f"{Path(code.co_filename).name}:{line}" for code, line in lines - reached)
    return Reach(target, count, len(lines), missed)


def _codes_of(subject: ModuleType | FunctionType) -> Iterator[CodeType]:
    """Of a module: its functions and methods as written there, and what is defined inside them."""
    if isinstance(subject, FunctionType):
        yield subject.__code__
        for inner in subject.__code__.co_consts:
            if isinstance(inner, CodeType):
                yield inner
        return
    for thing in vars(subject).values():
        members = vars(thing).values() if isinstance(thing, type) else [thing]
        for member in members:
            function = member.fget if isinstance(member, property) else member
            if isinstance(function, FunctionType) and function.__code__.co_filename == subject.__file__:
                yield from _codes_of(function)


def _lines_of(code: CodeType) -> set[int]:
    """Those that can run; the line of `def` is no event."""
    return {line for _, _, line in code.co_lines() if line is not None and line != code.co_firstlineno}
