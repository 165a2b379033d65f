"""Our ear beside its peers, on the same audio in the same run.

    python -m benchmarks.line [--messages 100] [--talk-minutes 120] [--seed 1] [--write]

Needs Debian's libspandsp2, minimodem, multimon-ng, dtmf2num and espeak-ng. `--write` puts the tables into
docs/BENCHMARKS.md. Exit status 1 if one of our goals is missed.
"""

import argparse
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.line import recordings as rec
from benchmarks.line.peers import DTMF_PEERS, FSK_PEERS, Peer, count_events
from benchmarks.line.scores import Score, score, threshold
from benchmarks.line.speech import speech
from benchmarks.line.tunes import chords, progress_tones
from sim.signals.levels import Pcm

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "BENCHMARKS.md"
BEGIN, END = "<!-- bench-line -->", "<!-- end of bench-line -->"
FSK_SNR = (20.0, 14.0, 12.0, 10.0, 9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0)
DTMF_SNR = (30.0, 14.0, 10.0, 8.0, 6.0, 4.0, 3.0, 2.0, 1.0, 0.0, -2.0)
GOALS_DB = {
    "FSK MDMF": 5.0,
    "FSK SDMF": 5.0,
    "FSK V.23": 7.0,
    "DTMF caller ID 50/50": 3.0,
    "DTMF dialled 80/80": 3.0,
}
NO_WRONG_FROM_DB = {"FSK MDMF": 4.0, "FSK SDMF": 4.0, "FSK V.23": 4.0, "DTMF caller ID 50/50": -99.0}
FIELD_GOAL = 0.995
HITS: dict[str, tuple[rec.Treatment, float]] = {
    **{f"click {ms} ms": (rec.clicked(ms), 0.95) for ms in (0.5, 1.0, 2.0, 4.0)},
    **{f"drop-out {ms} ms": (rec.dropped(ms), 0.90) for ms in (0.5, 1.0, 2.0)},
}
PROGRAMS = ("minimodem", "multimon-ng", "dtmf2num", "espeak-ng")


class Report:
    """Lines of the report as they come, and whether a goal was missed."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.missed: list[str] = []

    def say(self, line: str) -> None:
        print(line, flush=True)
        self.lines.append(line)

    def check(self, goal: str, reached: bool) -> None:
        if not reached:
            self.missed.append(goal)


def peers_of(kind: rec.Kind) -> dict[str, Peer]:
    """Everyone who can hear `kind` at all (multimon-ng knows no SDMF)."""
    table = FSK_PEERS if kind.is_fsk else DTMF_PEERS
    return {
        name: receivers[kind.receiver]
        for name, receivers in table.items()
        if not (kind.name == "FSK SDMF" and name == "multimon")
    }


def thresholds(report: Report, messages: int, seed: int, by_spandsp: bool) -> None:
    """95 %-correct SNR and wrong numbers, for each kind and peer."""
    report.say(
        f"### 95 %-correct SNR in dB, {'libspandsp' if by_spandsp else 'our'} transmitter [wrong numbers]"
    )
    report.say("")
    names = list(dict.fromkeys([*FSK_PEERS, *DTMF_PEERS]))
    report.say("| kind | " + " | ".join(names) + " |")
    report.say("|---" * (len(names) + 1) + "|")
    for kind in rec.KINDS:
        if by_spandsp and not kind.is_fsk:
            continue
        points: dict[str, list[tuple[float, Score]]] = {name: [] for name in peers_of(kind)}
        for snr_db in FSK_SNR if kind.is_fsk else DTMF_SNR:
            draw = rec.Draw(by_spandsp=by_spandsp)
            trials = rec.trials(
                kind, messages, 1000 * seed + round(10 * snr_db) + 500, lambda _, d=draw: d, rec.noisy(snr_db)
            )  # type: ignore[misc]
            for name, peer in peers_of(kind).items():
                points[name].append((snr_db, score(trials, peer([trial.pcm for trial in trials]))))
        _check_thresholds(report, kind, points["ours"])
        cells = [_threshold_cell(points[name]) if name in points else "-" for name in names]
        report.say(f"| {kind.name} | " + " | ".join(cells) + " |")
    report.say("")


def _threshold_cell(points: list[tuple[float, Score]]) -> str:
    reached = threshold(points)
    return f"{'never' if reached is None else f'{reached:.1f}'} [{sum(point.wrong for _, point in points)}]"


def _check_thresholds(report: Report, kind: rec.Kind, ours: list[tuple[float, Score]]) -> None:
    reached = threshold(ours)
    report.check(f"{kind.name} threshold", reached is not None and reached <= GOALS_DB[kind.name])
    floor_db = NO_WRONG_FROM_DB.get(kind.name, 99.0)
    report.check(f"{kind.name} wrong", not any(point.wrong for snr_db, point in ours if snr_db >= floor_db))


def field_mixture(report: Report, messages: int, seed: int) -> None:
    """What a line in the field does, all at once."""
    names = list(dict.fromkeys([*FSK_PEERS, *DTMF_PEERS]))
    report.say("### Field mixture, % right [wrong]")
    report.say("")
    report.say("SNR 20-40 dB, level -32..-6 dBm0, twist -5..+8 dB, skew +-1 %, hum, A-law, echo, stuffing.")
    report.say("")
    report.say("| kind | " + " | ".join(names) + " |")
    report.say("|---" * (len(names) + 1) + "|")
    for kind in rec.KINDS:
        trials = rec.trials(kind, 3 * messages, seed, rec.field_draw, rec.field)
        scores = {name: score(trials, peer([t.pcm for t in trials])) for name, peer in peers_of(kind).items()}
        report.check(f"field {kind.name}", scores["ours"].share >= FIELD_GOAL and not scores["ours"].wrong)
        report.say(f"| {kind.name} | " + " | ".join(_share_cell(scores.get(name)) for name in names) + " |")
    report.say("")


def hits(report: Report, messages: int, seed: int) -> None:
    """One click or one drop-out in each message."""
    report.say("### One hit in each FSK MDMF message at 25 dB, % right [wrong]")
    report.say("")
    report.say("| hit | " + " | ".join(FSK_PEERS) + " |")
    report.say("|---" * (len(FSK_PEERS) + 1) + "|")
    for name, (treatment, goal) in HITS.items():
        trials = rec.trials(rec.KINDS[0], 2 * messages, seed, lambda _: rec.Draw(), treatment)
        scores = [score(trials, peers[0]([t.pcm for t in trials])) for peers in FSK_PEERS.values()]
        report.check(name, scores[0].share >= goal)
        report.say(f"| {name} | " + " | ".join(map(_share_cell, scores)) + " |")
    report.say("")


def _share_cell(result: Score | None) -> str:
    return "-" if result is None else f"{100 * result.share:.1f} [{result.wrong}]"


def talk_off(report: Report, minutes: float, seed: int) -> None:
    """Speech, music and tones make no digit and no message."""
    rng = np.random.default_rng(seed)
    corpora = {
        "speech (espeak-ng, 13 voices)": list(speech(minutes, rng)),
        "music-like chords": list(chords(minutes / 4.0, rng)),
        "call-progress tones": list(progress_tones(minutes / 8.0, rng)),
    }
    names = list(dict.fromkeys([*FSK_PEERS, *DTMF_PEERS]))
    report.say("### Talk-off: false digits off-hook, false caller IDs on-hook")
    report.say("")
    report.say("| corpus | false | " + " | ".join(names) + " |")
    report.say("|---" * (len(names) + 2) + "|")
    for name, pieces in corpora.items():
        talked = sum(map(len, pieces)) / 8000 / 60
        for what, peers in (("digits", DTMF_PEERS), ("caller IDs", FSK_PEERS)):
            counts = {peer: _events(peers[peer], pieces, what) for peer in peers if peer != "ours"}
            counts["ours"] = str(count_events(pieces, off_hook=what == "digits"))
            report.check(f"talk-off: {what} in {name}", counts["ours"] == "0")
            cells = [counts.get(peer, "-") for peer in names]
            report.say(f"| {talked:.0f} min of {name} | {what} | " + " | ".join(cells) + " |")
    report.say("")


def _events(receivers: tuple[Peer, Peer], pieces: Sequence[Pcm], what: str) -> str:
    """Keys, or numbers in messages of either standard, that a peer delivered."""
    if what == "digits":
        return str(sum(len(text) for answer in receivers[1](pieces) for text in answer))
    return str(sum(len(answer) for receiver in dict.fromkeys(receivers) for answer in receiver(pieces)))


def write(lines: list[str]) -> None:
    """Put the tables into the document, in the place of the last ones."""
    old = DOCUMENT.read_text() if DOCUMENT.exists() else f"# Benchmarks\n\n{BEGIN}\n{END}\n"
    if BEGIN not in old:
        old += f"\n{BEGIN}\n{END}\n"
    head, rest = old.split(BEGIN, 1)
    DOCUMENT.write_text(head + BEGIN + "\n" + "\n".join(lines) + "\n" + END + rest.split(END, 1)[1])


def main() -> int:
    """Run everything; 1 if a goal is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--messages", type=int, default=100, help="messages a point (default 100)")
    parser.add_argument(
        "--talk-minutes",
        type=float,
        default=120.0,
        help="minutes of speech, a quarter of chords, an eighth of tones (default 120)",
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="write docs/BENCHMARKS.md")
    options = parser.parse_args()
    absent = [program for program in PROGRAMS if shutil.which(program) is None]
    if absent:
        print(
            f"needs {', '.join(absent)}: apt-get install libspandsp2 minimodem multimon-ng dtmf2num espeak-ng"
        )
        return 1
    report = Report()
    began = time.monotonic()
    report.say("## The ear and its peers")
    report.say("")
    command = f"python -m benchmarks.line --messages {options.messages} --seed {options.seed}"
    report.say(f"`{command}`; the same audio for all.")
    report.say("")
    parts: list[Callable[[], None]] = [
        lambda: thresholds(report, options.messages, options.seed, by_spandsp=False),
        lambda: thresholds(report, options.messages, options.seed, by_spandsp=True),
        lambda: field_mixture(report, options.messages, options.seed),
        lambda: hits(report, options.messages, options.seed),
        lambda: talk_off(report, options.talk_minutes, options.seed),
    ]
    for part in parts:
        part()
    report.say(f"Goals missed: {', '.join(report.missed) or 'none'}. {time.monotonic() - began:.0f} s.")
    if options.write:
        write(report.lines)
    return int(bool(report.missed))


if __name__ == "__main__":
    sys.exit(main())
