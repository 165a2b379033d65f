"""What the desk asks the cloud, as jobs of the worker: the roster, what became of drafts, and whether it is
there at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from host_agent.desk.roster import MAX_BYTES, Roster, decode_roster
from host_agent.desk.roster_cache import RosterCache
from host_agent.errors import AgentError
from host_agent.trust import certificates
from host_agent.uploads import CloudAccess

TIMEOUT_S = 20.0
PING_TIMEOUT_S = 3.0


@dataclass(frozen=True, slots=True)
class Fetched:
    """The cloud's answer: `roster` None when the one the agent has is current."""

    tag: str
    roster: Roster | None


@dataclass(frozen=True, slots=True)
class MadeTicket:
    """What became of a draft."""

    draft: str
    ticket: int
    number: str


def fetch_roster(access: CloudAccess, tag: str, cache: RosterCache) -> Fetched:
    """Ask for the roster, and have it in the cache before it is used. `tag`: of the one that is there.

    Raises:
        AgentError: `roster.unreachable`, `roster.refused`, `roster.revoked`, `roster.malformed`; the cache is
            as it was.
    """
    import httpx

    headers = {"Authorization": f"Bearer {access.token}"} | ({"If-None-Match": f'"{tag}"'} if tag else {})
    body = bytearray()
    try:
        address = f"{access.url}/api/v1/agent/roster"
        with httpx.stream(
            "GET", address, headers=headers, timeout=TIMEOUT_S, verify=certificates()
        ) as response:
            for part in response.iter_bytes():
                body += part
                if len(body) > MAX_BYTES:
                    raise _refused(access, f"it is longer than {MAX_BYTES} bytes")
    except httpx.HTTPError as error:
        raise AgentError(
            "roster.unreachable",
            f"The cloud {access.url} did not give the roster: {error}.",
            "The one from before is kept and used meanwhile.",
        ) from error
    if response.status_code == 304 and tag:
        cache.confirm()
        return Fetched(tag, None)
    if response.status_code == 401 and _read_reason(bytes(body)) == "not_signed_in":
        raise AgentError(
            "roster.revoked",
            f"The cloud {access.url} has taken this PC's credentials back.",
            "The roster was erased; enrol this PC again with a new claim code.",
        )
    if response.status_code != 200:
        raise _refused(access, f"HTTP {response.status_code}")
    new_tag = response.headers.get("etag", "").strip('"')
    roster = decode_roster(bytes(body), new_tag)
    cache.store(new_tag, bytes(body))
    return Fetched(new_tag, roster)


def ask_for_tickets(access: CloudAccess, drafts: Sequence[str]) -> list[MadeTicket]:
    """Which of these drafts are tickets by now.

    Raises:
        AgentError: `draft.unanswered`.
    """
    import httpx

    headers = {"Authorization": f"Bearer {access.token}"}
    address = f"{access.url}/api/v1/agent/drafts"
    try:
        response = httpx.get(
            address, params={"id": list(drafts)}, headers=headers, timeout=TIMEOUT_S, verify=certificates()
        )
        response.raise_for_status()
        return [
            MadeTicket(str(row["draft"]), int(row["ticket"]), str(row["number"]))
            for row in response.json()["items"]
        ]
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        raise AgentError(
            "draft.unanswered",
            f"The cloud {access.url} did not say what became of the drafts: {error}.",
            "They are safe; it is asked again.",
        ) from error


def ping(url: str) -> None:
    """Return if the cloud answers and its database does.

    Raises:
        AgentError: `cloud.unreachable`.
    """
    import httpx

    try:
        response = httpx.get(f"{url}/healthz", timeout=PING_TIMEOUT_S, verify=certificates())
        response.raise_for_status()
        if response.json().get("ok") is not True:
            raise ValueError("it is not well")
    except (httpx.HTTPError, ValueError, AttributeError) as error:
        raise AgentError(
            "cloud.unreachable",
            f"The cloud {url} does not answer: {error}.",
            "The desk's own page stands in for the console meanwhile.",
        ) from error


def _read_reason(body: bytes) -> Any:
    """The word by which our own cloud refuses: a 401 of something on the way is no reason to erase."""
    import json

    try:
        return json.loads(body)["error"]["reason"]
    except (ValueError, KeyError, TypeError):
        return None


def _refused(access: CloudAccess, why: str) -> AgentError:
    return AgentError(
        "roster.refused",
        f"The roster of {access.url} was not taken: {why}.",
        "The one from before is kept; look at the cloud's log.",
    )
