"""SQLite and PostgreSQL behind the same tables, statements and tests."""
