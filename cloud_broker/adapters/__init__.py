"""The outside as the cloud meets it: a database, a broker, an object store, other workers, the clock."""
