"""The calls of the demo, as data: who calls how, what the desk does, and what a person makes of it.

Tables are those of a scenario's `[[call]]` (see `sim.scenario`). The eight are the headless script; longer
runs repeat them with other residents.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any, Literal

from sim.demo.api import CloudClient, Json
from sim.errors import SimulatorError

STRANGERS = ("02759760123", "075586543210", "13312345678", "4008123456")
"""Numbers that no resident of the demo data has."""
ANSWER = ("until ring 2", "wait 1.4", "lift", "wait 0.5")
TALK = ("talk 12", "until tone busy", "wait 0.6", "hang up")
FAR = ("until answer", "talk 12", "hang up")


@dataclass(frozen=True)
class Resident:
    """A resident of the demo data, as the API shows them."""

    id: int
    name: str
    number: str


@dataclass(frozen=True)
class DemoCall:
    """One call of the script.

    Attributes:
        who: whose number it is; "" for nobody's.
        table: the call's scenario table, without `number`.
        has_ticket: a person makes a ticket while the call lasts.
        has_stream: an event-stream client is open while the call comes.
    """

    name: str
    who: Literal["resident", "stranger", ""]
    table: dict[str, Any]
    has_ticket: bool = False
    has_stream: bool = False


def _answered(**caller_id: str) -> dict[str, Any]:
    return {"caller_id": caller_id, "desk": [*ANSWER, *TALK], "far": list(FAR)}


SCRIPT = (
    DemoCall("fsk mdmf, known resident, ticket", "resident", _answered(format="mdmf"), has_ticket=True),
    DemoCall("fsk sdmf, v.23", "resident", _answered(format="sdmf", standard="v23")),
    DemoCall("dtmf before the ring", "resident", _answered(format="dtmf")),
    DemoCall("number withheld", "", _answered(format="mdmf") | {"reason": "P"}),
    DemoCall("unknown number", "stranger", _answered(format="mdmf")),
    DemoCall(
        "missed",
        "resident",
        {"caller_id": {"format": "mdmf"}, "desk": [], "far": ["until ring 4", "wait 0.5", "hang up"]},
    ),
    DemoCall(
        "outbound by dtmf",
        "resident",
        {
            "direction": "out",
            "reversal": True,
            "desk": [
                "lift", "until tone dial", "wait 0.8", "dial {number}", "until answer", "talk 8", "hang up",
            ],
            "far": ["until ringback 2", "wait 1", "lift", "talk 8"],
        },
    ),
    DemoCall(
        "second call, event stream open",
        "resident",
        _answered(format="mdmf"),
        has_ticket=True,
        has_stream=True,
    ),
)  # fmt: skip


@dataclass(frozen=True)
class PlannedCall:
    """One call of a run: the script's, with its people.

    Attributes:
        table: the whole scenario table.
        number: the caller's, or the one dialled; "" when none is sent.
    """

    call: DemoCall
    table: dict[str, Any]
    number: str
    resident: Resident | None


def plan_calls(residents: Sequence[Resident], count: int) -> Iterator[PlannedCall]:
    """The first `count` calls of the endlessly repeated script, each with another resident.

    The last call of a round has the resident of its first: somebody calls a second time.
    """
    people, strangers = cycle(residents), cycle(STRANGERS)
    first: Resident | None = None
    for index, call in enumerate(islice(cycle(SCRIPT), count)):
        resident = None
        if call.who == "resident":
            resident = first if call.has_stream and first else next(people)
            first = resident if index % len(SCRIPT) == 0 else first
        number = resident.number if resident else next(strangers) if call.who == "stranger" else ""
        yield PlannedCall(call, _with_number(call, number), number, resident)


def _with_number(call: DemoCall, number: str) -> dict[str, Any]:
    table = {"name": call.name} | call.table
    if table.get("direction") == "out":
        return table | {"desk": [step.format(number=number) for step in table["desk"]]}
    return table | {"number": number} if number else table


def find_residents(client: CloudClient, count: int) -> list[Resident]:
    """Residents with one mobile number that nobody else has, in the order the API lists them.

    Raises:
        SimulatorError: the demo data has fewer than `count`.
    """
    owners: dict[str, list[Resident]] = {}
    for found in client.residents():
        for number in mobile_numbers(found):
            owners.setdefault(number, []).append(Resident(found["id"], found["name"], number))
    single = [people[0] for people in owners.values() if len(people) == 1]
    if len(single) < count:
        raise SimulatorError(f"the demo data has {len(single)} residents with a number of their own")
    return single[:count]


def mobile_numbers(resident: Json) -> list[str]:
    """A resident's Chinese mobile numbers as the exchange sends them: 11 digits."""
    numbers = [str(phone["e164"] or "").removeprefix("+86") for phone in resident["phones"]]
    return [number for number in numbers if len(number) == 11 and number.startswith("1")]
