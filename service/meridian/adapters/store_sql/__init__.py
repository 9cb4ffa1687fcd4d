"""The store on SQLite and PostgreSQL: `store.SqlStore`."""
