"""What was taken away, from when to when: a fault's own account, and what a call may be excused for by it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Outage:
    """One stretch of unix time, ms, in which `target` could not work.

    Attributes:
        stops_audio: what was said meanwhile could not be kept, once the box's 8 s are full.
        cuts_power: a call of that box may end as `interrupted`.
    """

    target: str
    from_ms: int
    to_ms: int
    stops_audio: bool = False
    cuts_power: bool = False


class Outages:
    """All outages of a run; those of the desk's PC are everybody's."""

    EVERYBODY = ""

    def __init__(self) -> None:
        self._known: list[Outage] = []

    def add(self, outage: Outage) -> None:
        """One that is over."""
        self._known.append(outage)

    def silent_ms(self, box: str, from_ms: int, to_ms: int) -> int:
        """How much of that time the audio of `box` was stopped; overlapping outages count once."""
        spans = sorted(
            (max(outage.from_ms, from_ms), min(outage.to_ms, to_ms))
            for outage in self._known
            if outage.stops_audio and outage.target in (box, self.EVERYBODY)
        )
        silent_ms, covered_to_ms = 0, from_ms
        for first_ms, last_ms in spans:
            silent_ms += max(0, last_ms - max(first_ms, covered_to_ms))
            covered_to_ms = max(covered_to_ms, last_ms)
        return silent_ms

    def was_cut(self, box: str, from_ms: int, to_ms: int) -> bool:
        """True if `box` lost its power in that time."""
        return any(
            outage.cuts_power and outage.target == box and outage.from_ms <= to_ms and outage.to_ms >= from_ms
            for outage in self._known
        )
