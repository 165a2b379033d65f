"""A strict reader of HTML: every element is closed, every id is unique, every label points at something."""

from html.parser import HTMLParser

VOID = frozenset(
    {"area", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
)


class MalformedPage(AssertionError):
    """What a browser would repair in silence."""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.pointed_at: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        if len(set(names)) < len(names):
            raise MalformedPage(f"<{tag}> has an attribute twice: {names}")
        values = dict(attrs)
        if values.get("id"):
            self.ids.append(str(values["id"]))
        for name in ("for", "aria-labelledby", "list"):
            if values.get(name):
                self.pointed_at.append(str(values[name]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            raise MalformedPage(f"</{tag}> at line {self.getpos()[0]} closes nothing")


def check_markup(html: str) -> None:
    """Raises MalformedPage."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    if reader.open:
        raise MalformedPage(f"never closed: {reader.open}")
    if twice := {id_ for id_ in reader.ids if reader.ids.count(id_) > 1}:
        raise MalformedPage(f"ids that stand twice: {twice}")
    if lost := set(reader.pointed_at) - set(reader.ids):
        raise MalformedPage(f"pointed at but absent: {lost}")
