"""Commands from the cloud: each answered once; what is unknown, malformed or unsafe is refused with its
reason."""

from firmware.line.state import ON_HOOK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from firmware.app import App


class Commands:
    """Carries out commands. Attribute `wants_reset`: a reboot was asked for and its reply is queued."""

    def __init__(self, app: "App") -> None:
        self.wants_reset = False
        self._command_id = ""
        self._app = app

    def handle(self, command_id: str, name: str, arguments: "dict[str, Any]") -> None:
        """Check and carry out one command."""
        row = _COMMANDS.get(name)
        if row is None:
            self._app.uplink.reply(command_id, "refused", "unsupported")
            return
        names, action = row
        values = [arguments.get(argument) for argument in names]
        if not all(isinstance(value, str) and value for value in values):
            self._app.uplink.reply(command_id, "refused", "arguments")
            return
        self._command_id = command_id
        result, reason = action(self, *values)
        if result:
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

    def _dial(self, digits: str) -> "tuple[str, str]":
        """Answered when the digits are out, or when they cannot be."""
        command_id, uplink = self._command_id, self._app.uplink
        refusal = self._app.dialer.dial(
            digits, lambda result, reason: uplink.reply(command_id, result, reason)
        )
        return ("refused", refusal) if refusal else ("", "")

    def _hang_up(self) -> "tuple[str, str]":
        return ("done", "") if self._app.dialer.hang_up() else ("refused", "not_held_by_box")

    def _reboot(self) -> "tuple[str, str]":
        if self._app.state.state != ON_HOOK:
            return "refused", "line_in_use"
        self.wants_reset = True
        return "done", ""

    def _self_test(self) -> "tuple[str, str]":
        if self._app.state.state != ON_HOOK:
            return "refused", "line_in_use"
        from firmware.selftest import run_self_test  # 900 bytes of heap that few boots need

        run_self_test(self._app, self._app.device.clock.read())
        return "done", ""


_COMMANDS: "dict[str, tuple[tuple[str, ...], Callable[..., tuple[str, str]]]]" = {
    # name: (arguments, action); the host has checked them against protocol.commands, which is too big for
    # the board
    "configure": (("key", "value"), Commands._configure),
    "dial": (("digits",), Commands._dial),
    "hang_up": ((), Commands._hang_up),
    "reboot": ((), Commands._reboot),
    "self_test": ((), Commands._self_test),
}
