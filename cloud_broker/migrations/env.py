"""Alembic's entry: the connection comes from `adapters.sql.migrate`."""

from alembic import context

from cloud_broker.adapters.sql.tables import metadata


def run() -> None:
    connection = context.config.attributes["connection"]
    context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()
    if connection.in_transaction():
        connection.commit()


run()
