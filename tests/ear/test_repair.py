"""Repair: what few weak bits can mend, and what it must leave alone."""

from array import array

import numpy as np
import pytest

from firmware.dsp.checksum import MAX_CHANGES, UNREACHED, cheapest_paths, list_changes
from firmware.line.repair import FREE_KIND, Repairer, find_layout
from sim.signals.messages import Caller, mdmf, sdmf

MESSAGE = mdmf(Caller("13912345678", name="LI NA", date="03171656"))
FIRST_DIGIT = 14
SURE, WEAK = 100, 5


def hit(
    message: bytes, bits: dict[tuple[int, int], bool], strength: int = WEAK
) -> tuple[bytearray, "array[int]"]:
    """`message` with the bits (byte, bit) weak, and wrong where true."""
    data = bytearray(message)
    strengths = array("b", [SURE] * (8 * len(data)))
    for (byte, bit), wrong in bits.items():
        strengths[byte * 8 + bit] = strength
        if wrong:
            data[byte] ^= 1 << bit
    return data, strengths


@pytest.mark.parametrize(
    "bits",
    [
        {},
        {(FIRST_DIGIT, 1): True},
        {(FIRST_DIGIT, 6): True},
        {(6, 0): True, (20, 2): True},
        {(FIRST_DIGIT, 1): True, (FIRST_DIGIT + 1, 3): False, (18, 2): True},
        {(12, 2): True},
        {(13, 0): True},
        {(len(MESSAGE) - 1, 7): True},
        {(12, bit): bit > 3 for bit in range(8)},
        {(4, 3): True},
    ],
    ids=[
        *("none", "digit", "no-digit", "two", "two-of-three", "type", "length", "checksum"),
        *("type-erased", "month-no-month"),
    ],
)
def test_weak_bits_are_mended(bits: dict[tuple[int, int], bool]) -> None:
    data, strengths = hit(MESSAGE, bits)
    assert Repairer().mend(data, strengths)
    assert bytes(data) == MESSAGE


@pytest.mark.parametrize("bit", [(FIRST_DIGIT, 1), (13, 0)], ids=["digit", "length"])
def test_a_message_sent_wrong_on_a_clean_line_is_not_repaired(bit: tuple[int, int]) -> None:
    data, strengths = hit(MESSAGE, {bit: True}, strength=SURE - 10)
    assert not Repairer().mend(data, strengths)


def test_any_burst_of_eight_bits_has_one_solution() -> None:
    rng = np.random.default_rng(1)
    message = sdmf(Caller("13912345678", date="03171656"))
    repairer = Repairer()
    for first in range(10 * 8, 18 * 8):
        burst = {(bit // 8, bit % 8): bool(rng.integers(2)) for bit in range(first, first + 8)}
        data, strengths = hit(message, burst, strength=2)
        if repairer.mend(data, strengths):
            assert bytes(data) == message


def test_equally_weak_ways_are_left_alone() -> None:
    data, strengths = hit(MESSAGE, {(FIRST_DIGIT, 1): True, (FIRST_DIGIT + 1, 1): False})
    assert not Repairer().mend(data, strengths)


@pytest.mark.parametrize("strength", [WEAK, 20])
def test_a_sum_that_holds_by_chance_is_not_believed(strength: int) -> None:
    data, strengths = hit(MESSAGE, {(FIRST_DIGIT, 1): True, (FIRST_DIGIT + 1, 1): True}, strength)
    assert sum(data) & 0xFF == 0
    assert not Repairer().mend(data, strengths)


def test_a_strong_error_is_left_alone() -> None:
    data, strengths = hit(MESSAGE, {(FIRST_DIGIT, 1): True}, strength=SURE)
    assert not Repairer().mend(data, strengths)


def test_noise_is_never_made_a_message() -> None:
    rng = np.random.default_rng(2)
    repairer = Repairer()
    for _ in range(300):
        data = bytearray([0x80, 0x1A, *rng.integers(0, 256, 27).tolist()])
        strengths = array("b", rng.integers(0, 60, 8 * len(data)).tolist())
        assert not repairer.mend(data, strengths)


def test_layout_of_a_message() -> None:
    kinds = find_layout(bytearray(MESSAGE))
    assert kinds is not None
    date = [2, 10, 4, 10, 3, 10, 6, 10]
    assert bytes(kinds) == bytes([0, 0, 0, 0, *date, 0, 0, *[10] * 11, 0, 0, *[11] * 5, 11])
    assert find_layout(bytearray(MESSAGE[:-1])) is None


def test_cheapest_paths_against_exhaustion() -> None:
    rng = np.random.default_rng(3)
    changes = 9
    costs = rng.integers(1, 50, MAX_CHANGES)
    deltas = rng.integers(0, 256, MAX_CHANGES)
    groups = np.arange(MAX_CHANGES) // 2
    found: dict[int, list[int]] = {}
    for chosen in range(1 << changes):
        members = [i for i in range(changes) if chosen >> i & 1]
        if len({groups[i] for i in members}) == len(members):
            residue = int(sum(deltas[i] for i in members)) & 0xFF
            found.setdefault(residue, []).append(int(sum(costs[i] for i in members)))
    best, second = array("H", [0] * 512), array("H", [0] * 512)
    paths = array("I", [0] * 512)
    cheapest_paths(
        0,
        0,
        0,
        best,
        second,
        paths,
        array("H", costs.tolist()),
        bytes(deltas.tolist()),
        bytes(groups.tolist()),
        changes,
    )
    for residue in range(256):
        ways = sorted(found.get(residue, [])) + [UNREACHED] * 2
        assert (best[residue], second[residue]) == (ways[0], ways[1])
        if ways[0] != UNREACHED:
            assert sum(int(costs[i]) for i in range(changes) if paths[residue] >> i & 1) == ways[0]


@pytest.mark.parametrize("seed", range(5))
def test_the_cheapest_changes_are_listed(seed: int) -> None:
    rng = np.random.default_rng(seed)
    strengths = rng.integers(0, 128, 8 * len(MESSAGE)).tolist()
    kinds = find_layout(bytearray(MESSAGE))
    assert kinds is not None
    expected = sorted(every_change(MESSAGE, kinds, strengths))[:MAX_CHANGES]
    costs, counts = array("H", [0] * MAX_CHANGES), array("H", [0] * 512)
    deltas, groups, places = (bytearray(MAX_CHANGES) for _ in range(3))
    count = list_changes(
        0, 0, 0, MESSAGE, kinds, array("b", strengths), len(MESSAGE), counts, costs, deltas, groups, places
    )
    assert sorted(zip(costs, places, deltas, strict=True)) == sorted((c, at, d) for c, at, _, d in expected)
    assert count == MAX_CHANGES and list(places) == sorted(places)
    parts = sorted({(at, part) for _, at, part, _ in expected})
    assert sorted(set(groups)) == list(range(groups[0], groups[0] + len(parts)))


def every_change(message: bytes, kinds: bytearray, strengths: list[int]) -> list[tuple[int, int, int, int]]:
    """(cost, byte, bit or 0 of a digit, what it adds to the sum)."""
    changes = []
    for at in range(2, len(message)):
        byte = message[at]
        if 0 < kinds[at] < FREE_KIND:
            others = [(0, 0x30 + digit) for digit in range(kinds[at]) if 0x30 + digit != byte]
        else:
            others = [(bit, byte ^ 1 << bit) for bit in range(8)]
        for part, other in others:
            cost = sum(strengths[8 * at + bit] for bit in range(8) if (byte ^ other) >> bit & 1)
            changes.append((cost, at, part, other - byte & 0xFF))
    return changes
