"""The MQTT topics: one table of name, direction, QoS, retained flag and payload.

`{desk}`: 1..32 of a-z 0-9 and '-'; `{box}` and `{agent}`: a source id; `{source}`: either.
Direction `up` is from the desk to the cloud. The user name of an agent is its desk, so an ACL holds a desk
inside `cloudseat/v1/{desk}/` and each direction.
"""

from protocol.errors import TopicError
from protocol.ids import is_source

PREFIX = "cloudseat/v1"

UP, DOWN = "up", "down"

TOPICS = {
    # name: (level under the source, direction, QoS, retained, payload)
    "event": ("event", UP, 1, False, "one event"),
    "health": ("health", UP, 0, True, "numbers of a box"),
    "status": ("status", UP, 1, True, "online or offline; the agent's is its last will"),
    "reply": ("reply", UP, 1, False, "the one reply to a command"),
    "command": ("command", DOWN, 1, False, "a command with its expiry"),
    "committed": ("committed", DOWN, 1, False, "events that are in the database, as ranges"),
    "missing": ("missing", DOWN, 1, False, "what is not in the database though it was committed"),
}

POP = "pop"
"""`cloudseat/v1/{desk}/pop`: from cloud to desk, QoS 1, not retained: a screen pop for the desk's tray."""


def is_desk(text: str) -> bool:
    """True for 1..32 of a-z, 0-9 and '-'."""
    return 0 < len(text) <= 32 and all(char in "abcdefghijklmnopqrstuvwxyz0123456789-" for char in text)


def build_topic(name: str, desk: str, source: str) -> str:
    """The topic `name` of one source at one desk.

    Raises:
        TopicError: an unknown name, desk or source.
    """
    if name not in TOPICS or not is_desk(desk) or not is_source(source):
        raise TopicError(PREFIX + "/" + desk + "/" + source + "/" + name)
    return PREFIX + "/" + desk + "/" + source + "/" + TOPICS[name][0]


def build_pop_topic(desk: str) -> str:
    """The desk's screen-pop topic."""
    if not is_desk(desk):
        raise TopicError(PREFIX + "/" + desk + "/" + POP)
    return PREFIX + "/" + desk + "/" + POP


def build_filter(name: str, desk: str = "+") -> str:
    """A subscription to `name` of every source, at one desk or at all.

    Raises:
        TopicError: an unknown name or desk.
    """
    if name not in TOPICS or (desk != "+" and not is_desk(desk)):
        raise TopicError(PREFIX + "/" + desk + "/+/" + name)
    return PREFIX + "/" + desk + "/+/" + TOPICS[name][0]


def parse_topic(topic: str) -> "tuple[str, str, str]":
    """Split into (name, desk, source).

    Raises:
        TopicError: outside the table.
    """
    parts = topic.split("/")
    if len(parts) != 5 or parts[0] + "/" + parts[1] != PREFIX:
        raise TopicError(topic)
    _, _, desk, source, name = parts
    if name not in TOPICS or not is_desk(desk) or not is_source(source):
        raise TopicError(topic)
    return name, desk, source
