"""Draw the link's states into docs/PROTOCOL.md from `protocol.link.TRANSITIONS`.

    python docs/draw_link.py

A test holds the document to what this writes.
"""

from pathlib import Path

from protocol.link import TRANSITIONS

DOCUMENT = Path(__file__).with_name("PROTOCOL.md")
BEGIN, END = "<!-- link states: begin (docs/draw_link.py) -->\n", "<!-- link states: end -->\n"


def draw_states(end: str) -> str:
    """A Mermaid state diagram of one end: `event / actions` on each arrow."""
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> closed"]
    for (of, state, event), (actions, next_state) in TRANSITIONS.items():
        if of == end:
            lines.append(f"    {state} --> {next_state}: {event} / {', '.join(actions)}")
    return "\n".join([*lines, "```\n"])


def build_table() -> str:
    """All transitions as a table."""
    lines = ["| end | state | event | actions | next state |", "|---|---|---|---|---|"]
    for (end, state, event), (actions, next_state) in TRANSITIONS.items():
        lines.append(f"| {end} | {state} | {event} | {', '.join(actions)} | {next_state} |")
    return "\n".join(lines) + "\n"


def redraw(text: str) -> str:
    """The document with its drawing made anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    drawing = f"\nThe board:\n\n{draw_states('board')}\nThe host:\n\n{draw_states('host')}\n{build_table()}\n"
    return before + BEGIN + drawing + END + after


if __name__ == "__main__":
    DOCUMENT.write_text(redraw(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
