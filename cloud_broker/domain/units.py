"""A room as people say it, made comparable: `3号楼2单元1102`, `3-2-1102`, `3＃2-1102`, `3幢 2单元 1102室`."""

import re
import unicodedata

from cloud_broker.domain.views import Invalid

MAX_ROOM = 60
_BUILDING = re.compile(r"(?:号楼|栋|幢|座|#)-?")
_ENTRANCE = re.compile(r"单元-?")
_ROOM = re.compile(r"(?:室|号|房)$")
_PLAIN = re.compile(
    r"(?:(?P<phase>[^\d-][^-]*)-)?(?P<building>[0-9A-Za-z]{1,3})-(?P<entrance>\d{1,2})-(?P<room>\d{2,4})"
)


def read_room(text: str) -> str:
    """The label of a unit: `3栋-2单元-1102` where its three parts can be told apart, else as said.

    Args:
        text: what a person typed; empty means no room.
    Raises:
        Invalid: `room`, too_long.
    """
    said = re.sub(r"\s+", "", unicodedata.normalize("NFKC", text))
    if len(said) > MAX_ROOM:
        raise Invalid("room", "too_long")
    dashed = _ROOM.sub("", _ENTRANCE.sub("-", _BUILDING.sub("-", said)))
    found = _PLAIN.fullmatch(dashed)
    if found is None:
        return said
    phase = f"{found['phase']}-" if found["phase"] else ""
    return f"{phase}{found['building']}栋-{found['entrance']}单元-{found['room']}"
