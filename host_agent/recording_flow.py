"""What happens to a recording after its last sample: encoded, stored, uploaded, verified, and at last
deleted.

    writing --complete--> encode (worker) --> local --> upload (worker) --> verified --retention or low
    disk--> expired
       `-- not one sample arrived --> lost          ^------ back-off -------'

Each arrow that a person may ask about is an agent event, stored in the same transaction as the new state.
"""

from collections.abc import Callable
from typing import Any

import structlog

from host_agent.errors import AgentError
from host_agent.files import make_folder
from host_agent.gaps import bound
from host_agent.intake import Intake
from host_agent.opus import Encoded, encode_recording
from host_agent.ports import Instant, JobDone, Worker
from host_agent.recording_index import RecordingIndex, RecordingRow
from host_agent.recordings import Complete, Recordings
from host_agent.uploads import (
    DIFFERS_WAIT_MS,
    CloudAccess,
    UploadJob,
    UploadQueue,
    is_of_the_way,
    is_other_kept,
    upload_recording,
)
from protocol.events import MAX_RANGES

ENCODE, UPLOAD = "encode", "upload"
ENCODE_RETRY_MS = 30_000

log = structlog.get_logger()


class RecordingFlow:
    """Moves recordings along. The core's thread owns it; jobs run in the worker."""

    def __init__(
        self,
        recordings: Recordings,
        index: RecordingIndex,
        intake: Intake,
        worker: Worker,
        queue: UploadQueue,
        throttle: Callable[[int], None],
    ) -> None:
        self.access: CloudAccess | None = None
        self._recordings = recordings
        self._index = index
        self._intake = intake
        self._worker = worker
        self._queue = queue
        self.throttle = throttle
        self._failed: dict[str, tuple[int, Complete]] = {}
        self._encoding: dict[str, Complete] = {}
        self._encoded: set[str] = set()
        self._undeleted: set[str] = set()
        for row in index.in_state("local", limit=1_000_000):
            self._enqueue(row)

    @property
    def unverified(self) -> int:
        """Recordings that are not yet in the cloud, whatever they wait for."""
        return self._index.count("writing", "local")

    @property
    def is_busy(self) -> bool:
        """A job is under way."""
        return bool(self._encoding) or self._queue.is_busy

    @property
    def queue(self) -> UploadQueue:
        """What waits for upload."""
        return self._queue

    def advance(self, now: Instant, may_upload: bool) -> None:
        """Start the jobs that are due."""
        self._settle_encoded()
        if not self._intake.has_pending:  # where there is no room, a recording's end may wait there
            for complete in self._recordings.take_complete(now.elapsed_ms):
                self._begin_encoding(complete, now)
        for call, (due_ms, complete) in list(self._failed.items()):
            if due_ms <= now.elapsed_ms:
                del self._failed[call]
                self._begin_encoding(complete, now)
        if may_upload and self.access is not None and (job := self._queue.take(now.elapsed_ms)):
            access, throttle = self.access, self.throttle
            self._worker.submit(UPLOAD, job.call, lambda: upload_recording(job, access, throttle))

    def _begin_encoding(self, complete: Complete, now: Instant) -> None:
        target = self._recordings.stored_path(complete.call)
        if not complete.samples or not any(complete.folder.glob("*.alaw")):
            reason = complete.declared[0].reason if complete.declared else "no_audio"
            fields = {"call": complete.call, "reason": reason}
            self._intake.state("recording_lost", fields, now, lambda: self._index.lose(complete.call))
            self._recordings.drop_audio(complete.call)
            return
        make_folder(target.parent)
        self._encoding[complete.call] = complete
        self._worker.submit(
            ENCODE,
            complete.call,
            lambda: encode_recording(complete.folder, target, complete.samples, complete.declared),
        )

    def handle_encoded(self, done: JobDone, now: Instant) -> None:
        """A file is ready, or there was no room for it."""
        complete = self._encoding.pop(done.key)
        if done.error is not None:
            self._retry_encoding(complete, done.error, now)
            return
        encoded = done.result
        call = done.key
        fields: dict[str, Any] = {"call": call, "samples": encoded.samples}
        if encoded.gaps:
            fields["gaps"] = [list(stretch) for stretch in bound(encoded.gaps, MAX_RANGES)]
        self._intake.state("recording_stored", fields, now, lambda: self._store(call, encoded))
        self._encoded.add(call)
        self._intake.flush(now)
        self._settle_encoded()

    def _settle_encoded(self) -> None:
        """Once the spool says that a file is stored, its A-law may go and its upload begin."""
        for call in list(self._encoded):
            row = self._index.get(call)
            if row is not None and row.state == "local":
                self._encoded.discard(call)
                self._recordings.drop_audio(call)
                self._enqueue(row)

    def _retry_encoding(self, complete: Complete, error: Exception, now: Instant) -> None:
        log.error(
            "recording.not_encoded",
            call=complete.call,
            problem=str(error),
            remedy="The audio is kept and encoded again; free some space on the disk if it is full.",
        )
        self._failed[complete.call] = (now.elapsed_ms + ENCODE_RETRY_MS, complete)

    def _store(self, call: str, encoded: Encoded) -> None:
        self._index.store(call, encoded.samples, encoded.gaps, encoded.bytes, encoded.sha256)

    def handle_uploaded(self, done: JobDone, now: Instant) -> None:
        """The cloud proved that it has the file, or the upload failed."""
        row = self._index.get(done.key)
        if done.error is None and row is not None:
            fields = {"call": row.call, "sha256": row.sha256, "bytes": row.bytes}
            self._intake.state(
                "recording_uploaded", fields, now, lambda: self._index.verify(row.call, now.unix_ms)
            )
            self._queue.handle_done(row.call)
            return
        error = done.error
        code = error.code if isinstance(error, AgentError) else "upload.failed"
        log.warning(code, call=done.key, problem=str(error))
        if code == "upload.file_changed":
            fields = {"call": done.key, "reason": "file_changed"}
            self._intake.state("recording_lost", fields, now, lambda: self._index.lose(done.key))
            self._queue.drop(done.key)
            return
        if error is not None and is_of_the_way(error):
            self._queue.handle_failed(now.elapsed_ms)
        else:
            wait_ms = DIFFERS_WAIT_MS if error is not None and is_other_kept(error) else None
            self._queue.handle_refused(now.elapsed_ms, wait_ms)

    def send_again(self, call: str) -> bool:
        """The cloud has lost this recording; False: it is not (or no longer) here as a verified one."""
        row = self._index.get(call)
        if row is None or row.state != "verified":
            return False
        self._index.unverify(call)
        self._enqueue(row)
        return True

    def expire(self, rows: list[RecordingRow], enough_bytes: int | None = None) -> list[RecordingRow]:
        """Delete the local files of verified recordings, in that order, until there is room enough.

        Returns:
            Those that are deleted; a file that cannot be now (Windows: it is open in a player) is left out.
        """
        expired: list[RecordingRow] = []
        for row in rows:
            if enough_bytes is not None and sum(gone.bytes or 0 for gone in expired) >= enough_bytes:
                break
            if self._delete(row.call):
                expired.append(row)
        if expired:
            self._index.expire([row.call for row in expired])
        return expired

    def _delete(self, call: str) -> bool:
        try:
            self._recordings.stored_path(call).unlink(missing_ok=True)
        except OSError as error:
            if call not in self._undeleted:
                remedy = "Close the program that has it open; it is tried again."
                log.warning("recording.not_deleted", call=call, problem=str(error), remedy=remedy)
            self._undeleted.add(call)
            return False
        self._undeleted.discard(call)
        return True

    def next_due_ms(self, may_upload: bool) -> int | None:
        """When `advance` has something to start, elapsed ms."""
        uploads_ms = self._queue.next_due_ms() if self.access and may_upload else None
        dues = [self._recordings.next_due_ms(), uploads_ms, *(due_ms for due_ms, _ in self._failed.values())]
        return min((due_ms for due_ms in dues if due_ms is not None), default=None)

    def _enqueue(self, row: RecordingRow) -> None:
        path = self._recordings.stored_path(row.call)
        self._queue.add(UploadJob(row.call, path, row.sha256 or "", row.bytes or 0, row.samples or 0))
