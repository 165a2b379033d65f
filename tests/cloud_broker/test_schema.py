"""The migrations lead to the tables, and running them again changes nothing."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from cloud_broker.adapters.sql.engine import Database
from cloud_broker.adapters.sql.migrate import migrate
from cloud_broker.adapters.sql.tables import metadata


def test_migrations_and_tables_agree(database: Database) -> None:
    migrate(database)
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
