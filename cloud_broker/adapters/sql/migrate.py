"""Bringing the schema up to date: Alembic, without a configuration file."""

from alembic import command
from alembic.config import Config
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


def build_config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    config.attributes["connection"] = connection
    return config
