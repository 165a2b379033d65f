"""Recordings arrive by HTTP and are believed only when their SHA-256 is what was announced.

  (nothing) --part--> uploading --complete, hash right--> verified
  (nothing) --whole, hash right--> verified
A wrong hash stores nothing. Sending the same recording again changes nothing; another one under the same
call is refused, because a verified recording is evidence.
"""

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, select

from cloud_broker.adapters.sql import letters, tables
from cloud_broker.adapters.sql.bulk import insert_rows
from cloud_broker.adapters.sql.engine import Database
from cloud_broker.domain.times import DAY_MS
from cloud_broker.errors import UploadRefused
from cloud_broker.handlers.projection import refresh_call
from cloud_broker.ports import Clock, ObjectStore
from protocol.errors import MessageError
from protocol.ids import parse_call_id

MAX_WHOLE_BYTES = 2 * 1024 * 1024
MAX_PART_BYTES = 2 * 1024 * 1024
MAX_PARTS = 256
PARTS_LIFE_MS = 7 * DAY_MS
"""Parts of an upload that did not end are kept so long; a PC that goes on later sends all again."""
READ_BYTES = 256 * 1024
_DIGEST = re.compile(r"(?:^|,\s*)sha-256=:([A-Za-z0-9+/]{43}=):")
_OGG = b"OggS"
_PARTS = "parts/"


@dataclass(frozen=True, slots=True)
class Stored:
    """What the cloud holds after an upload."""

    state: str
    sha256: str
    bytes: int
    created: bool


@dataclass(frozen=True, slots=True)
class Recordings:
    """The verbs of uploading. Every one raises UploadRefused with a reason word."""

    database: Database
    store: ObjectStore
    clock: Clock

    def put_whole(self, desk: str, call_id: str, body: bytes, digest: str, samples: int) -> Stored:
        """Store one recording of at most 2 MiB."""
        self._check_owner(desk, call_id)
        sha256 = _check_digest(body, digest)
        if not body.startswith(_OGG):
            raise UploadRefused("not_ogg", "This is no Ogg stream; send audio/ogg with Opus.")
        known = self._find(call_id, sha256)
        if known is not None:
            return known
        self.store.put(key_of(call_id), iter([body]))
        return self._verify(desk, call_id, sha256, len(body), samples)

    def put_part(self, desk: str, call_id: str, number: int, body: bytes, digest: str) -> None:
        """Store part `number` (from 0). The same part may be sent again."""
        self._check_owner(desk, call_id)
        if not 0 <= number < MAX_PARTS:
            raise UploadRefused("part_number", f"Parts are numbered from 0 to {MAX_PARTS - 1}.")
        _check_digest(body, digest)
        self.store.put(_part_key(call_id, number), iter([body]))
        with self.database.write() as connection:
            self._note(connection, call_id, "uploading", "", 0, 0)

    def complete(self, desk: str, call_id: str, sha256: str, length: int, parts: int, samples: int) -> Stored:
        """Join `parts` parts; verified only if the whole's hash and length are right."""
        self._check_owner(desk, call_id)
        known = self._find(call_id, sha256)
        if known is not None:
            self._drop_parts(call_id, parts)
            return known
        sizes = [self.store.size(_part_key(call_id, n)) for n in range(parts)]
        if not sizes or None in sizes:
            raise UploadRefused("part_missing", "Not every part has arrived; send the missing ones again.")
        digest = hashlib.sha256()
        for chunk in self._read_parts(call_id, parts):
            digest.update(chunk)
        if digest.hexdigest() != sha256 or sum(s or 0 for s in sizes) != length:
            raise UploadRefused(
                "digest", "The joined parts do not have the announced SHA-256; send them all again."
            )
        self.store.put(key_of(call_id), self._read_parts(call_id, parts))
        stored = self._verify(desk, call_id, sha256, length, samples)
        self._drop_parts(call_id, parts)
        return stored

    def drop_orphaned_parts(self, now_ms: int) -> int:
        """Delete the parts that no upload waits for, or for too long; how many those were."""
        table = tables.recording.c
        fresh = table.state == "uploading", table.changed_ms > now_ms - PARTS_LIFE_MS
        with self.database.read() as connection:
            under_way = set(connection.execute(select(table.call_id).where(*fresh)).scalars())
        orphaned = [key for key in self.store.keys(_PARTS) if key.split("/")[1] not in under_way]
        for key in orphaned:
            self.store.delete(key)
        return len(orphaned)

    def _drop_parts(self, call_id: str, parts: int) -> None:
        for number in range(parts):
            self.store.delete(_part_key(call_id, number))

    def _check_owner(self, desk: str, call_id: str) -> None:
        try:
            box, _, _ = parse_call_id(call_id)
        except MessageError as error:
            raise UploadRefused("call_id", "The address names no call.") from error
        with self.database.read() as connection:
            of_call = select(tables.call.c.desk).where(tables.call.c.id == call_id)
            of_box = select(tables.box.c.desk).where(tables.box.c.source == box)
            homes = {connection.execute(query).scalar() for query in (of_call, of_box)}
        if desk not in homes:  # a box that was moved leaves recordings behind, where its call was
            raise UploadRefused("not_yours", "This call's box does not belong to your desk.")

    def _find(self, call_id: str, sha256: str) -> Stored | None:
        table = tables.recording.c
        with self.database.write() as connection:
            row = connection.execute(select(tables.recording).where(table.call_id == call_id)).first()
            if row is None or row.state == "uploading":
                return None
            if row.sha256 == sha256:
                if row.state == "verified" and self.store.size(key_of(call_id)) != row.bytes:
                    return None  # the store has lost it: take it again
                return Stored(row.state, row.sha256, row.bytes, created=False)
            letters.raise_alarm(connection, self.clock.now_ms(), "recording_differs", call_id, sha256)
        raise UploadRefused(
            "already_verified", "Another recording of this call is already verified; it is kept."
        )

    def _verify(self, desk: str, call_id: str, sha256: str, length: int, samples: int) -> Stored:
        with self.database.write() as connection:
            self._note(connection, call_id, "verified", sha256, length, samples)
            refresh_call(connection, self.clock.now_ms(), desk, call_id)
        return Stored("verified", sha256, length, created=True)

    def _note(
        self, connection: Connection, call_id: str, state: str, sha256: str, length: int, samples: int
    ) -> None:
        """Write the row; `uploading` never takes the place of what is verified."""
        columns = ("call_id", "state", "sha256", "bytes", "samples", "changed_ms")
        row = (call_id, state, sha256, length, samples, self.clock.now_ms())
        given = ", ".join(f"{name} = excluded.{name}" for name in columns[1:])
        or_else = "DO NOTHING" if state == "uploading" else f"DO UPDATE SET {given}"
        insert_rows(connection, tables.recording, columns, [row], or_else=f"ON CONFLICT (call_id) {or_else}")

    def _read_parts(self, call_id: str, parts: int) -> Iterator[bytes]:
        for number in range(parts):
            key = _part_key(call_id, number)
            yield self.store.get_range(key, 0, self.store.size(key) or 0)


def key_of(call_id: str) -> str:
    """Where a call's verified recording lies."""
    return f"calls/{call_id}.ogg"


def read_range(store: ObjectStore, call_id: str, start: int, end: int) -> Iterator[bytes]:
    """Bytes `start`..`end` (both included) in pieces of 256 KiB."""
    while start <= end:
        length = min(READ_BYTES, end - start + 1)
        yield store.get_range(key_of(call_id), start, length)
        start += length


def parse_digest(header: str) -> str:
    """The SHA-256 of a Content-Digest header (RFC 9530) as hex.

    Raises:
        UploadRefused: `digest_missing`.
    """
    found = _DIGEST.search(header)
    if found is None:
        raise UploadRefused(
            "digest_missing", "Send Content-Digest: sha-256=:<base64>: with every body (RFC 9530)."
        )
    return base64.b64decode(found.group(1)).hex()


def _check_digest(body: bytes, header: str) -> str:
    announced = parse_digest(header)
    actual = hashlib.sha256(body).hexdigest()
    if announced != actual:
        raise UploadRefused(
            "digest", "The body does not have the announced SHA-256; nothing was stored, send it again."
        )
    return actual


def _part_key(call_id: str, number: int) -> str:
    return f"{_PARTS}{call_id}/{number:04d}"
