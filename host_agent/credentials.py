"""Enrolment: from a one-time claim code to this PC's secrets, and where they are kept."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from host_agent.errors import AgentError
from host_agent.files import write_durably
from host_agent.time_anchor import parse_utc
from host_agent.trust import certificates
from protocol.topics import is_desk

FILE = "credentials.json"
REVOKED = "credentials.revoked"
"""Lies beside FILE once the cloud has taken them back, so that the next run knows it without the cloud."""
REVOKED_REMEDY = f"Get a new claim code from the console, delete {FILE} and start with --claim-code."
TIMEOUT_S = 10.0
TIME_TIMEOUT_S = 3.0
"""Ports are opened only after the first answer: a box holds 8 s of audio."""


@dataclass(frozen=True, slots=True)
class MqttAccess:
    """The broker for this desk. `username` is the desk."""

    host: str
    port: int
    username: str
    password: SecretStr


@dataclass(frozen=True, slots=True)
class Credentials:
    """What enrolment gave: valid until the cloud revokes it. `agent`: the id they belong to."""

    desk: str
    agent: str
    mqtt: MqttAccess
    upload_token: SecretStr


def load_credentials(data_dir: Path) -> Credentials | None:
    """The stored ones, None where there are none.

    Raises:
        AgentError: `credentials.damaged`.
    """
    path = data_dir / FILE
    try:
        return _decode(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AgentError(
            "credentials.damaged",
            f"{path} cannot be read: {error}.",
            "Get a new claim code from the console, delete the file and start with --claim-code.",
        ) from error


def save_credentials(data_dir: Path, credentials: Credentials) -> None:
    """Store them, readable by this user only; they are not revoked."""
    mqtt = asdict(credentials.mqtt) | {"password": credentials.mqtt.password.get_secret_value()}
    body = {
        "desk": credentials.desk,
        "agent": credentials.agent,
        "mqtt": mqtt,
        "upload_token": credentials.upload_token.get_secret_value(),
    }
    (data_dir / REVOKED).unlink(missing_ok=True)
    write_durably(data_dir / FILE, json.dumps(body, indent=2).encode(), mode=0o600)


def mark_revoked(data_dir: Path) -> None:
    """The cloud took the stored ones back.

    Raises:
        OSError: it cannot be noted.
    """
    write_durably(data_dir / REVOKED, b"")


def is_revoked(data_dir: Path) -> bool:
    """True once the cloud took the stored ones back, until new ones are stored."""
    return (data_dir / REVOKED).exists()


def enrol(cloud_url: str, claim_code: str, agent_id: str, hostname: str, version: str) -> Credentials:
    """Ask the cloud for credentials; the claim code is spent by success.

    Raises:
        AgentError: `enrol.unreachable`, `enrol.refused`, `enrol.malformed`.
    """
    import httpx

    body = {"claim_code": claim_code, "agent_id": agent_id, "hostname": hostname, "version": version}
    try:
        response = httpx.post(
            f"{cloud_url}/api/v1/enrol", json=body, timeout=TIMEOUT_S, verify=certificates()
        )
    except httpx.HTTPError as error:
        raise AgentError(
            "enrol.unreachable",
            f"The cloud {cloud_url} cannot be reached: {error}.",
            "Check the address and the network; the agent tries again by itself.",
        ) from error
    if response.status_code >= 300:
        raise AgentError(
            "enrol.refused",
            f"The cloud refused the claim code: HTTP {response.status_code} {response.text[:200]}",
            "Get a new claim code for this desk from the console and start with --claim-code.",
        )
    try:
        return _decode({**response.json(), "agent": agent_id})
    except (ValueError, KeyError, TypeError) as error:
        raise AgentError(
            "enrol.malformed",
            f"The cloud {cloud_url} gave an answer that holds no credentials: {error}.",
            "Check that the address is a CloudSeat cloud of this version.",
        ) from error


def fetch_cloud_ms(cloud_url: str) -> int:
    """The cloud's clock, UTC ms.

    Raises:
        AgentError: `cloud.unreachable`.
    """
    import httpx

    try:
        response = httpx.get(f"{cloud_url}/api/v1/time", timeout=TIME_TIMEOUT_S, verify=certificates())
        response.raise_for_status()
        return parse_utc(response.json()["now"])
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        raise AgentError(
            "cloud.unreachable",
            f"The cloud {cloud_url} did not tell the time: {error}.",
            "Check the address and the network; dial and play are refused until it answers.",
        ) from error


def _decode(body: dict[str, Any]) -> Credentials:
    mqtt = body["mqtt"]
    if not is_desk(body["desk"]):
        raise ValueError(f"desk {body['desk']!r}")
    return Credentials(
        desk=body["desk"],
        agent=str(body["agent"]),
        mqtt=MqttAccess(
            str(mqtt["host"]), int(mqtt["port"]), str(mqtt["username"]), SecretStr(mqtt["password"])
        ),
        upload_token=SecretStr(body["upload_token"]),
    )
