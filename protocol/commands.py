"""The commands: what the cloud wishes of a box. Each gets exactly one reply; all of them expire.

`COMMANDS` is the one table: name -> arguments; each argument is (kind, required), kinds as in
`protocol.events`.
"""

from protocol.errors import MessageError
from protocol.events import is_kind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

COMMANDS = {
    "dial": {"digits": ("digits", True)},
    "hang_up": {},
    "play": {"clip": ("text", True)},
    "record": {"on": ("bool", True)},
    "configure": {"key": ("text", True), "value": ("text", True)},
    "self_test": {},
    "update": {"manifest": ("text", True)},
    "reboot": {},
}

NEEDS_CLOCK = ("dial", "play")
"""Refused while the agent's offset to cloud time is unknown: done late they do harm."""

RESULTS = ("done", "refused", "failed", "expired")


def check_command(name: str, arguments: "dict[str, Any]") -> None:
    """Check a command's arguments against the table.

    Raises:
        MessageError: `command`, `missing:<argument>`, `argument:<argument>`.
    """
    table = COMMANDS.get(name)
    if table is None:
        raise MessageError("command")
    if not isinstance(arguments, dict):
        raise MessageError("arguments")
    for argument, (kind, required) in table.items():
        value = arguments.get(argument)
        if value is None:
            if required:
                raise MessageError("missing:" + argument)
        elif not is_kind(kind, value):
            raise MessageError("argument:" + argument)
