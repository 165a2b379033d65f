"""The agent's settings: environment variables `CLOUDSEAT_AGENT_*`; the flags of `cloudseat-agent run` go
before them."""

import sys
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from protocol.desk_page import PORT


def default_data_dir() -> Path:
    """Per-user folder: no administrator is needed to install the agent."""
    if sys.platform == "win32":
        return Path.home() / "AppData" / "Local" / "CloudSeat" / "agent"
    return Path.home() / ".local" / "share" / "cloudseat" / "agent"


class AgentSettings(BaseSettings):
    """Everything the agent is told from outside, built once in `cli.py` and passed down.

    The MQTT broker's address and the credentials are not settings: they come from enrolment.
    """

    model_config = SettingsConfigDict(env_prefix="CLOUDSEAT_AGENT_", frozen=True, extra="ignore")

    cloud_url: str = "http://127.0.0.1:8000"
    data_dir: Path = Field(default_factory=default_data_dir)
    ports: Annotated[tuple[str, ...], NoDecode] = ()
    """Serial ports to open; empty: every port whose VID/PID is in the table of `serial_link`."""
    claim_code: SecretStr | None = None
    """One-time code of the desk, used once if there are no credentials."""
    clock: str = Field("system", pattern=r"^(system|stepped://127\.0\.0\.1:\d{1,5})$")

    republish_after_s: float = Field(10.0, ge=0.5, le=600)
    """First wait for `committed` before an event is published again; doubles to 300 s."""
    publish_window: int = Field(500, ge=1, le=10_000)
    """Events published and not yet committed, at most."""
    broker_retry_s: float = Field(60.0, ge=0.1, le=600)
    """The longest wait between two attempts to reach the broker; the first is a second."""
    backlog_alarm_s: int = Field(600, ge=1, le=86_400)
    """Age of the oldest uncommitted event that raises the alarm."""
    event_retention_days: int = Field(30, ge=1, le=3650)
    """How long committed events stay in the spool as the desk's own index."""
    spool_limit_mb: int = Field(2048, ge=1, le=1_000_000)
    """At this size a new event takes the place of the oldest that the cloud has, whatever their retention;
    where none is left, events stay on the boxes. An event has about 1 kB. While it drains the file may grow
    beyond it, as a rule by less than a tenth, never by more than half."""
    recording_retention_days: int = Field(30, ge=0, le=3650)
    """How long a verified recording stays on the PC."""
    capture_retention_days: int = Field(30, ge=0, le=3650)
    """How long what a box's ear failed on stays on the PC."""
    disk_reserve_mb: int = Field(1024, ge=0, le=1_000_000)
    """Free space below which verified recordings go, oldest first, and then no new recording is written."""
    upload_rate_kbps: int = Field(0, ge=0, le=1_000_000)
    """Cap on uploads in kbit/s; 0: none."""
    quiet_hours: str = Field("", pattern=r"^(|([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d)$")
    """Local hours without uploads, `08:30-11:30`; empty: none."""
    metrics_port: int = Field(0, ge=0, le=65_535)
    """Prometheus metrics on 127.0.0.1; 0: off."""
    page_port: int = Field(PORT, ge=0, le=65_535)
    """The desk's own page on 127.0.0.1, for when the cloud cannot be reached; 0: off, and no roster is kept.
    The cloud has the same setting."""
    console_url: str = ""
    """Address of the console as people open it; empty: `cloud_url`."""
    roster_retention_days: int = Field(30, ge=1, le=365)
    """How long a roster is kept that the cloud did not renew."""

    @field_validator("ports", mode="before")
    @classmethod
    def _split_ports(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(port.strip() for port in value.split(",") if port.strip())
        return value

    @field_validator("cloud_url", "console_url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return value.rstrip("/")

    @property
    def console(self) -> str:
        """Where the console is."""
        return self.console_url or self.cloud_url

    @property
    def has_page(self) -> bool:
        """The desk's own page is served; not in stepped time, where no browser waits."""
        return self.page_port != 0 and self.clock == "system"
