"""Commands from the cloud: each answered once; what is unknown, malformed or unsafe is refused with its reason."""

from firmware.line.state import ON_HOOK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from firmware.app import App


class Commands:
    """Carries out commands. Attribute `wants_reset`: a reboot was asked for and its reply is queued."""

    def __init__(self, app: "App") -> None:
        self.wants_reset = False
        self._app = app

    def handle(self, command_id: str, name: str, arguments: "dict[str, Any]") -> None:
        """Check and carry out one command."""
        names, action = _COMMANDS.get(name, ((), None))
        if action is None:
            self._app.uplink.reply(command_id, "refused", "unsupported")
            return
        values = [arguments.get(argument) for argument in names]
        if not all(isinstance(value, str) and value for value in values):
            self._app.uplink.reply(command_id, "refused", "arguments")
            return
        result, reason = action(self, *values)
        self._app.uplink.reply(command_id, result, reason)

    def _configure(self, key: str, value: str) -> "tuple[str, str]":
        config = self._app.config
        if self._app.state.state != ON_HOOK:
            return "refused", "line_in_use"
        if not config.change(key, value):
            return "refused", "setting"
        try:
            config.store()
        except OSError:
            return "failed", "flash"
        return "done", ""

    def _reboot(self) -> "tuple[str, str]":
        if self._app.state.state != ON_HOOK:
            return "refused", "line_in_use"
        self.wants_reset = True
        return "done", ""


_COMMANDS = {
    # name: (arguments, action); the host has checked them against protocol.commands, which is too big for the board
    "configure": (("key", "value"), Commands._configure),
    "reboot": ((), Commands._reboot),
}
