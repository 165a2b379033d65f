"""The settings of the cloud process: environment CLOUDSEAT_CLOUD_*, or the flags of its commands."""

from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from protocol.desk_page import PORT

DATABASE_FILE = "cloud.sqlite3"
RECORDINGS_FOLDER = "recordings"


class Settings(BaseSettings):
    """Built once by the command, frozen, passed down."""

    model_config = SettingsConfigDict(env_prefix="CLOUDSEAT_CLOUD_", frozen=True, extra="ignore")

    host: str = Field("127.0.0.1", description="address the web part listens on")
    port: int = Field(8000, ge=0, le=65535, description="port of the web part; 0 takes a free one")
    data_dir: Path = Field(Path("var/cloud"), description="database, recordings and secret key live here")
    database_url: str = Field("", description="postgresql://…; empty: SQLite in data_dir")
    mqtt_host: str = Field("127.0.0.1", description="broker")
    mqtt_port: int = Field(1883, ge=1, le=65535)
    mqtt_username: str = Field("", description="empty: the broker asks for none")
    mqtt_password: SecretStr = Field(SecretStr(""))
    mqtt_client_id: str = Field("cloudseat-cloud", min_length=1, max_length=64, description="one a consumer")
    mqtt_share: str = Field("", description="name of the shared subscription when several consumers run")
    agent_mqtt_host: str = Field("", description="broker as the desks reach it; empty: mqtt_host")
    agent_mqtt_port: int = Field(0, ge=0, le=65535, description="0: mqtt_port")
    store: str = Field("", description="folder or s3://bucket/prefix; empty: recordings in data_dir")
    mosquitto_dir: Path | None = Field(None, description="keep Mosquitto's passwd and acl here and reload it")
    desk_page_port: int = Field(
        PORT, ge=0, le=65535, description="of the agents' own page, on each desk PC; 0: no hand-over to it"
    )
    demo: bool = Field(False, description="allow the well-known demo passwords")
    reconcile_at: str = Field(
        "03:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="Asia/Shanghai; compares the days before"
    )
    metrics_port: int = Field(0, ge=0, le=65535, description="Prometheus metrics on 127.0.0.1; 0: off")
    clock: str = Field("system", description="system, or stepped://HOST:PORT of a simulator")

    @field_validator("clock")
    @classmethod
    def _check_clock(cls, value: str) -> str:
        parts = urlsplit(value)
        if value == "system" or (parts.scheme == "stepped" and parts.hostname and parts.port):
            return value
        raise ValueError("give `system` or `stepped://127.0.0.1:PORT`")

    @field_validator("database_url")
    @classmethod
    def _check_database(cls, value: str) -> str:
        if value and urlsplit(value).scheme.partition("+")[0] not in ("sqlite", "postgresql", "postgres"):
            raise ValueError("give `postgresql://user@host/name` or `sqlite:////path/cloud.sqlite3`")
        return value

    @model_validator(mode="after")
    def _check_user(self) -> Self:
        if self.mqtt_password.get_secret_value() and not self.mqtt_username:
            raise ValueError("mqtt_password without mqtt_username")
        return self

    @property
    def database(self) -> str:
        return self.database_url or f"sqlite:///{self.data_dir.absolute() / DATABASE_FILE}"

    @property
    def recordings(self) -> str:
        return self.store or str(self.data_dir / RECORDINGS_FOLDER)

    @property
    def reconcile_at_ms(self) -> int:
        """Milliseconds after midnight."""
        hours, minutes = map(int, self.reconcile_at.split(":"))
        return (hours * 60 + minutes) * 60_000

    @property
    def broker_for_agents(self) -> tuple[str, int]:
        return self.agent_mqtt_host or self.mqtt_host, self.agent_mqtt_port or self.mqtt_port
