"""The database of the embedded server: `schema` the tables, `database` the engine, `seed` the first rows."""
