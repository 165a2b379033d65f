"""Service definitions: a systemd user unit, and a task of the Windows Task Scheduler. Neither needs an
administrator.

The agent restarts after a crash, for ever and not at once: systemd waits 5 s (systemd.service(5),
RestartSec), the Task Scheduler a minute, 255 times (restartType of its schema: Interval from PT1M, Count an
unsignedByte), and beyond that its trigger starts it every 5 minutes if it does not run (IgnoreNew).
"""

import shutil
import sys
from pathlib import Path
from xml.sax.saxutils import escape

from host_agent.errors import AgentError

_SYSTEMD = """\
[Unit]
Description=CloudSeat agent
StartLimitIntervalSec=0

[Service]
ExecStart={program} run
EnvironmentFile=-%h/.config/cloudseat/agent.env
Restart=on-failure
RestartSec=5
TimeoutStopSec=30

[Install]
WantedBy=default.target
"""

_WINDOWS = """\
<?xml version="1.0" encoding="UTF-8"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <Triggers>
    <LogonTrigger>
      <Enabled>true</Enabled>
      <Repetition><Interval>PT5M</Interval></Repetition>
    </LogonTrigger>
  </Triggers>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <RestartOnFailure><Interval>PT1M</Interval><Count>255</Count></RestartOnFailure>
  </Settings>
  <Actions><Exec><Command>{program}</Command><Arguments>run</Arguments></Exec></Actions>
</Task>
"""


def build_service(system: str, program: Path | None = None) -> str:
    """The definition's text.

    Args:
        system: `systemd` or `windows`.
        program: the `cloudseat-agent` to start; None: the one of this installation.
    Raises:
        AgentError: `service.unknown`, `service.program`.
    """
    path = str(program or find_program())
    if system == "systemd":
        path = path.replace("%", "%%")  # systemd.unit(5), specifiers
        return _SYSTEMD.format(program=f'"{path}"' if " " in path else path)
    if system == "windows":
        return _WINDOWS.format(program=escape(path))
    raise AgentError("service.unknown", f"There is no service for {system!r}.", "Choose systemd or windows.")


def find_program() -> Path:
    """The `cloudseat-agent` beside this Python, or on the PATH.

    Raises:
        AgentError: `service.program`.
    """
    name = "cloudseat-agent.exe" if sys.platform == "win32" else "cloudseat-agent"
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise AgentError(
            "service.program",
            "The program cloudseat-agent is not installed.",
            "Install the package cloudseat.",
        )
    return Path(found)
