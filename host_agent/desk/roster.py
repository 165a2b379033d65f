"""The roster of the desk's project, and who a number belongs to. Pure.

Rules (the cloud's, `telephony.numbers`):
- A resident is the caller only if the normalised numbers are equal.
- A number that the box heard badly (repaired, uncertain) is looked up too, but says no more than "possibly".
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from host_agent.errors import AgentError
from telephony.calls import Call
from telephony.numbers import NumberState, may_be_resident, normalise

MAX_BYTES = 32 * 1024 * 1024
VERSION = 1


@dataclass(frozen=True, slots=True)
class Owed:
    """Money owed on a unit; `as_of` is an ISO date and always shown with it."""

    unit: str
    item: str
    amount_cents: int
    as_of: str


@dataclass(frozen=True, slots=True)
class Person:
    """A resident, as much as a screen pop shows."""

    name: str
    salutation: str
    rooms: tuple[str, ...]
    role: str
    tags: tuple[str, ...]
    former: bool
    arrears: tuple[Owed, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """A node of the item tree; `urgency` normal, major or critical."""

    code: str
    name_zh: str
    name_en: str
    urgency: str
    items: tuple["Item", ...]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of ticket with its item groups."""

    kind: str
    name_zh: str
    name_en: str
    groups: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Matches:
    """Who may be calling. `is_sure` False: at most "possibly"."""

    people: tuple[Person, ...]
    is_sure: bool

    @property
    def known(self) -> Person | None:
        """The caller, where the number leaves no choice."""
        return self.people[0] if self.is_sure and len(self.people) == 1 else None


NOBODY = Matches((), True)


@dataclass(frozen=True, slots=True)
class Roster:
    """One roster. `tag` names its content; `is_complete` False: it was too long, unknown is not proven."""

    tag: str
    place: tuple[str, ...]
    area_code: str
    is_complete: bool
    kinds: tuple[Kind, ...]
    by_number: Mapping[str, tuple[Person, ...]]

    def match(self, call: Call) -> Matches:
        """Who `call` comes from, or goes to; those who moved out last."""
        number, is_sure = call.e164, True
        if number is None and call.number and call.number_state is NumberState.UNCERTAIN:
            number, is_sure = normalise(call.number, area_code=self.area_code).e164, False
        if number is None or not may_be_resident(number):
            return NOBODY
        people = sorted(self.by_number.get(number, ()), key=lambda person: (person.former, person.name))
        return Matches(tuple(people), is_sure)


def decode_roster(body: bytes, tag: str) -> Roster:
    """The roster in the cloud's JSON.

    Raises:
        AgentError: `roster.malformed`.
    """
    try:
        facts = json.loads(body)
        if facts["v"] != VERSION:
            raise ValueError(f"version {facts['v']!r}")
        by_number: dict[str, list[Person]] = defaultdict(list)
        for row in facts["residents"]:
            person = _read_person(row)
            for number in row["numbers"]:
                by_number[str(number)].append(person)
        normalise("", area_code=str(facts["area_code"]))
        return Roster(
            tag=tag,
            place=_texts(facts["desk"]["place"]),
            area_code=str(facts["area_code"]),
            is_complete=bool(facts["complete"]),
            kinds=tuple(_read_kind(kind) for kind in facts["items"]),
            by_number={number: tuple(people) for number, people in by_number.items()},
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise AgentError(
            "roster.malformed",
            f"The cloud's roster cannot be read: {error}.",
            "The one from before is kept; compare the versions of agent and cloud.",
        ) from error


def _read_person(row: Mapping[str, Any]) -> Person:
    return Person(
        name=str(row["name"]),
        salutation=str(row["salutation"]),
        rooms=_texts(row["rooms"]),
        role=str(row["role"]),
        tags=_texts(row["tags"]),
        former=bool(row["former"]),
        arrears=tuple(
            Owed(str(unit), str(item), int(cents), str(as_of)) for unit, item, cents, as_of in row["arrears"]
        ),
    )


def _read_kind(row: Mapping[str, Any]) -> Kind:
    groups = tuple(_read_item(group) for group in row["groups"])
    return Kind(str(row["kind"]), str(row["name_zh"]), str(row["name_en"]), groups)


def _read_item(row: Mapping[str, Any]) -> Item:
    items = tuple(_read_item(item) for item in row["items"])
    return Item(str(row["code"]), str(row["name_zh"]), str(row["name_en"]), str(row["urgency"]), items)


def _texts(values: Sequence[Any]) -> tuple[str, ...]:
    return tuple(str(value) for value in values)
