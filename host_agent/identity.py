"""Who this agent is, and which run of it this is: the same scheme as a box's (protocol.ids)."""

import json
import secrets
import zlib
from dataclasses import dataclass
from pathlib import Path

from host_agent.errors import AgentError
from host_agent.files import write_durably
from protocol.ids import build_boot, is_source


@dataclass(frozen=True, slots=True)
class Identity:
    """`agent_id` is drawn once for a PC; `boot` is new in each run."""

    agent_id: str
    boot: str


def begin_run(path: Path, enrolled_as: str | None = None) -> Identity:
    """Read the file, count one run on, and have it on disk before any event carries it.

    A file that is absent or fails its CRC gives a new `life`, so that no event id is ever used twice; the
    agent id is kept if it can still be read.

    Args:
        enrolled_as: the agent id of the credentials, which goes before the file's.
    Raises:
        AgentError: `identity.unwritable`.
    """
    agent_id, life, count = _read(path) or (secrets.token_hex(6), secrets.randbits(32), 0)
    agent_id = enrolled_as or agent_id
    count += 1
    body = {"agent_id": agent_id, "life": life, "count": count}
    try:
        write_durably(path, json.dumps({**body, "crc": _crc(body)}).encode())
    except OSError as error:
        raise AgentError(
            "identity.unwritable",
            f"{path} cannot be written: {error}.",
            "Free some space on this disk, or choose another folder with CLOUDSEAT_AGENT_DATA_DIR.",
        ) from error
    return Identity(agent_id, build_boot(life, count))


def _read(path: Path) -> tuple[str, int, int] | None:
    """(agent id, life, count), or None where there is nothing to go by."""
    try:
        value = json.loads(path.read_bytes())
        body = {key: value[key] for key in ("agent_id", "life", "count")}
        agent_id = str(body["agent_id"])
        if not is_source(agent_id):
            return None
        if value.get("crc") != _crc(body):
            return agent_id, secrets.randbits(32), 0
        return agent_id, int(body["life"]), int(body["count"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _crc(body: dict[str, object]) -> int:
    return zlib.crc32(json.dumps(body, sort_keys=True).encode())
