"""The tables. Times are UTC unix milliseconds (`*_ms`), so that both databases order and compare them alike.

event is append-only; call, boot and box are projections of it and can be rebuilt. JSON is text: nothing
queries inside it.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite gives rowids only to INTEGER; PostgreSQL needs the 64 bits.
_ROWID = BigInteger().with_variant(Integer, "sqlite")


IS_OPEN = "state IN ('ringing', 'talking')"
"""Of a call; as the queries for open calls say it."""

IS_JOINED = "joined_to IS NOT NULL"
"""Of a call: few are, and whoever reads those that are not is not led through this index."""

IS_LATE = "received_ms - at_ms >= 172800000"
"""Of an event: it came two days or more after it happened; as the query for late days says it."""


def _id() -> Column[int]:
    return Column("id", _ROWID, primary_key=True, autoincrement=True)


# ---- what happened -----------------------------------------------------------------------------------------

event = Table(
    "event",
    metadata,
    Column("source", Text, primary_key=True),
    Column("boot", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("desk", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("call_id", Text),
    Column("uptime_ms", BigInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("clock", Text, nullable=False),
    Column("fields", Text, nullable=False),
    Column(
        "hash", Text, nullable=False
    ),  # of the stated payload; the same id with another hash is a conflict
    Column("received_ms", BigInteger, nullable=False),
    Index("ix_event_call_id", "call_id"),
    Index("ix_event_late", "received_ms", sqlite_where=text(IS_LATE), postgresql_where=text(IS_LATE)),
)

# Events whose source is not (yet) at home at the desk they came from; admitting the box projects them.
quarantine = Table(
    "quarantine",
    metadata,
    Column("source", Text, primary_key=True),
    Column("boot", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("desk", Text, primary_key=True),
    Column("payload", Text, nullable=False),
    Column("received_ms", BigInteger, nullable=False),
)

dead_letter = Table(
    "dead_letter",
    metadata,
    _id(),
    Column("at_ms", BigInteger, nullable=False),  # when it came first
    Column("topic", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("resolved_ms", BigInteger),
    Column("digest", Text, nullable=False),  # of topic, reason and payload: the same letter again is a count
    Column("count", Integer, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
    Column("desk", Text),  # as far as topic and payload can be read
    Column("source", Text),
    Column("boot", Text),
    Column("seq", BigInteger),
    Column("resolution", Text),  # replayed, set_aside; NULL while it is open
    Column("note", Text),  # why it was set aside
    Index("ix_dead_letter_digest", "digest", unique=True),
    Index("ix_dead_letter_source", "source"),
)

alarm = Table(
    "alarm",
    metadata,
    _id(),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),  # source, desk or call
    Column("detail", Text, nullable=False),
    Column("first_ms", BigInteger, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
    Column("count", Integer, nullable=False),
    Column("resolved_ms", BigInteger),
    UniqueConstraint("kind", "subject"),
)

# Who decided what about letters, alarms and boxes.
audit = Table(
    "audit",
    metadata,
    _id(),
    Column("at_ms", BigInteger, nullable=False),
    Column("user_id", BigInteger),
    Column("who", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),  # letter:7, alarm:3, box:a1b2c3d4e5f6
    Column("detail", Text, nullable=False),
    Index("ix_audit_subject", "subject"),
)

# ---- reconciliation: what each side says it has ------------------------------------------------------------

# What a box counted up to the end of a day (Asia/Shanghai, as received), since it booted.
box_count = Table(
    "box_count",
    metadata,
    Column("source", Text, primary_key=True),
    Column("boot", Text, primary_key=True),
    Column("day", Text, primary_key=True),
    Column("events", BigInteger, nullable=False),  # the greatest sequence number
    Column("calls", BigInteger, nullable=False),
    Column("recordings", BigInteger, nullable=False),
)

# The newest report of an agent about one source.
agent_report = Table(
    "agent_report",
    metadata,
    Column("agent", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),  # when it came
    Column("body", Text, nullable=False),
)

# One row a source and day; written anew by each comparison.
reconciled_day = Table(
    "reconciled_day",
    metadata,
    Column("source", Text, primary_key=True),
    Column("day", Text, primary_key=True),
    Column("desk", Text, nullable=False),
    Column("state", Text, nullable=False),  # whole, waiting, lost, missing (domain.reconciliation)
    Column("figures", Text, nullable=False),
    Column("gaps", Text, nullable=False),
    Column("checked_ms", BigInteger, nullable=False),
    Index("ix_reconciled_day_day", "day"),
)

# A lease on what only one of several processes may do, and until when it is done.
job = Table(
    "job",
    metadata,
    Column("name", Text, primary_key=True),
    Column("done_ms", BigInteger, nullable=False),
    Column("holder", Text, nullable=False),
    Column("until_ms", BigInteger, nullable=False),
)

# One row a boot of a source: a later one closes the open calls of those before.
boot = Table(
    "boot",
    metadata,
    Column("source", Text, primary_key=True),
    Column("boot", Text, primary_key=True),
    Column("first_ms", BigInteger, nullable=False),
)

call = Table(
    "call",
    metadata,
    Column("id", Text, primary_key=True),
    Column("desk", Text, nullable=False),
    Column("box", Text, nullable=False),
    Column("boot", Text, nullable=False),
    Column("state", Text),  # NULL until an event of the box itself is known
    Column("direction", Text),
    Column("outcome", Text),
    Column("number", Text),
    Column("e164", Text),
    Column("number_kind", Text),
    Column("number_state", Text),
    Column("started_ms", BigInteger),
    Column("answered_ms", BigInteger),
    Column("ended_ms", BigInteger),
    Column("ring_count", Integer),
    Column("talk_ms", BigInteger),
    Column("caller_id_format", Text),
    Column("caller_name", Text),
    Column("dialled", Text),
    Column("connected_by", Text),
    Column("resumed", Boolean),
    Column("clock", Text),
    Column("recording_state", Text),
    Column("recording_reason", Text),
    Column("recording_samples", BigInteger),
    Column("recording_gaps", Text),
    Column("owner_id", BigInteger),  # on duty at off_hook
    Column("joined_to", Text),  # the call that this one continues after a power cut: not a call by itself
    # not projected: what people and time decided
    Column("claimed_by", BigInteger),
    Column("resident_id", BigInteger),  # chosen by the agent among several
    Column("gone_ms", BigInteger),  # the box was last known then and did not come back in time
    Index("ix_call_desk_started_ms", "desk", "started_ms"),
    Index("ix_call_e164", "e164"),
    Index("ix_call_box_state", "box", "state"),
    Index("ix_call_joined_to", "joined_to", sqlite_where=text(IS_JOINED), postgresql_where=text(IS_JOINED)),
    Index("ix_call_started_ms_id", "started_ms", "id"),
    Index("ix_call_open", "desk", sqlite_where=text(IS_OPEN), postgresql_where=text(IS_OPEN)),
)

outbox = Table(
    "outbox",
    metadata,
    _id(),
    Column("desk", Text, nullable=False),
    Column("kind", Text, nullable=False),  # call, ticket, pop
    Column("subject", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("once", Text, unique=True),  # an effect that fires once has a key; a page refresh has none
    Column("fields", Text, nullable=False),
    Index("ix_outbox_desk_id", "desk", "id"),
)

# ---- places, people, devices -------------------------------------------------------------------------------

project = Table(
    "project",
    metadata,
    _id(),
    Column("branch", Text, nullable=False),
    Column("name", Text, nullable=False, unique=True),
    Column("area_code", Text, nullable=False),
)

desk = Table(
    "desk",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", ForeignKey("project.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("lines", Integer, nullable=False),  # boxes it may have: more are quarantined
    Column("secret_generation", Integer, nullable=False),  # raised to revoke the desk's MQTT password
    Column("enrolled", Boolean, nullable=False),
)

box = Table(
    "box",
    metadata,
    Column("source", Text, primary_key=True),
    Column("desk", ForeignKey("desk.id"), nullable=False),
    Column("agent", Text),  # the lease: the agent that may speak for it
    Column("online", Boolean, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),  # when `online` became what it is
    Column("firmware", Text),
    Column("health", Text),
)

agent = Table(
    "agent",
    metadata,
    Column("id", Text, primary_key=True),
    Column("desk", ForeignKey("desk.id"), nullable=False),
    Column("hostname", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("token_hash", Text, nullable=False, unique=True),
    Column("enrolled_ms", BigInteger, nullable=False),
    Column("online", Boolean, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
    Column("revoked_ms", BigInteger),
)

claim_code = Table(
    "claim_code",
    metadata,
    Column("code_hash", Text, primary_key=True),
    Column("desk", ForeignKey("desk.id"), nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("used_ms", BigInteger),
)

user = Table(
    "user_account",
    metadata,
    _id(),
    Column("username", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),  # agent, manager, hq, admin
    Column("desk", ForeignKey("desk.id")),
    Column("password_hash", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("demo", Boolean, nullable=False),  # has a well-known password
)

# A cookie session or an API token; only hashes are kept.
session = Table(
    "session",
    metadata,
    Column("token_hash", Text, primary_key=True),
    Column("user_id", ForeignKey("user_account.id"), nullable=False),
    Column("kind", Text, nullable=False),  # cookie, token
    Column("csrf", Text, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
)

duty = Table(
    "duty",
    metadata,
    _id(),
    Column("desk", ForeignKey("desk.id"), nullable=False),
    Column("user_id", ForeignKey("user_account.id"), nullable=False),
    Column("from_ms", BigInteger, nullable=False),
    Column("to_ms", BigInteger),
    Index("ix_duty_desk_from_ms", "desk", "from_ms"),
)

# ---- residents ---------------------------------------------------------------------------------------------

unit = Table(
    "unit",
    metadata,
    _id(),
    Column("project_id", ForeignKey("project.id"), nullable=False),
    Column("label", Text, nullable=False),  # as spoken: 天屿二期-3栋-2单元-1102
    Column("building", Text, nullable=False),
    Column("kind", Text, nullable=False),
    UniqueConstraint("project_id", "label"),
)

resident = Table(
    "resident",
    metadata,
    _id(),
    Column("project_id", ForeignKey("project.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("salutation", Text, nullable=False),
    Column("tags", Text, nullable=False),  # JSON list
    Column("created_ms", BigInteger, nullable=False),
    Index("ix_resident_name", "name"),
)

occupancy = Table(
    "occupancy",
    metadata,
    _id(),
    Column("resident_id", ForeignKey("resident.id"), nullable=False),
    Column("unit_id", ForeignKey("unit.id"), nullable=False),
    Column("role", Text, nullable=False),
    Column("to_ms", BigInteger),  # NULL while they live there
    Index("ix_occupancy_resident_id", "resident_id"),
    Index("ix_occupancy_unit_id", "unit_id"),
)

phone = Table(
    "phone",
    metadata,
    _id(),
    Column("resident_id", ForeignKey("resident.id"), nullable=False),
    Column("raw", Text, nullable=False),
    Column("e164", Text),
    Column("kind", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("rules_version", Integer, nullable=False),
    Index("ix_phone_e164", "e164"),
    Index("ix_phone_resident_id", "resident_id"),
)

arrears = Table(
    "arrears",
    metadata,
    _id(),
    Column("unit_id", ForeignKey("unit.id"), nullable=False),
    Column("item", Text, nullable=False),
    Column("amount_cents", BigInteger, nullable=False),
    Column("as_of", Text, nullable=False),  # ISO date
    Index("ix_arrears_unit_id", "unit_id"),
)

# ---- tickets and recordings --------------------------------------------------------------------------------

ticket = Table(
    "ticket",
    metadata,
    _id(),
    Column("desk", ForeignKey("desk.id"), nullable=False),
    Column("type", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("closing", Text),  # confirmed, unreachable, declined
    Column("items", Text, nullable=False),  # JSON list of item codes
    Column("place", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("urgency", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("promised_ms", BigInteger),
    Column("resident_id", ForeignKey("resident.id")),
    Column("call_id", Text),  # the first binding: call, its recording, and its agent
    Column("agent_id", ForeignKey("user_account.id")),
    Column("idempotency_key", Text),
    UniqueConstraint("desk", "idempotency_key"),
    Index("ix_ticket_desk_created_ms", "desk", "created_ms"),
    Index("ix_ticket_created_ms_id", "created_ms", "id"),
    Index("ix_ticket_resident_id", "resident_id"),
)

ticket_change = Table(
    "ticket_change",
    metadata,
    _id(),
    Column("ticket_id", ForeignKey("ticket.id"), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("who", Text, nullable=False),
    Column("from_state", Text),
    Column("to_state", Text, nullable=False),
    Column("note", Text, nullable=False),
    Index("ix_ticket_change_ticket_id", "ticket_id"),
)

ticket_call = Table(
    "ticket_call",
    metadata,
    Column("ticket_id", ForeignKey("ticket.id"), primary_key=True),
    Column("call_id", Text, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Index("ix_ticket_call_call_id", "call_id"),
)

draft = Table(
    "draft",
    metadata,
    Column("call_id", Text, primary_key=True),
    Column("fields", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)

recording = Table(
    "recording",
    metadata,
    Column("call_id", Text, primary_key=True),
    Column("state", Text, nullable=False),  # uploading (parts are in), verified, expired, erased, legal_hold
    Column("sha256", Text, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("samples", BigInteger, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
)

playback = Table(
    "playback",
    metadata,
    _id(),
    Column("call_id", Text, nullable=False),
    Column("user_id", ForeignKey("user_account.id"), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("address", Text, nullable=False),
    Column("first_byte_ms", BigInteger),  # set by the first range request of this play
    Index("ix_playback_call_id", "call_id"),
)
