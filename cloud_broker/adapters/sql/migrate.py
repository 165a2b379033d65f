"""Bringing the schema up to date: Alembic, without a configuration file."""

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from cloud_broker.adapters.sql.engine import Database

SCRIPTS = "cloud_broker:migrations"


def migrate(database: Database) -> None:
    """Run every migration that has not run; safe to call at every start, by several processes at once."""
    with database.engine.connect() as connection:
        if not database.is_sqlite:
            # one process migrates, the others wait for it
            connection.exec_driver_sql("SELECT pg_advisory_lock(1129074516)")
        try:
            command.upgrade(build_config(connection), "head")
        finally:
            if not database.is_sqlite:
                connection.exec_driver_sql("SELECT pg_advisory_unlock(1129074516)")
                connection.commit()


def knows_revision(revision: str) -> bool:
    """True if this program can bring a database of that schema up to date."""
    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    scripts = ScriptDirectory.from_config(config).walk_revisions()
    return any(script.revision == revision for script in scripts)


def build_config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    config.attributes["connection"] = connection
    return config
