"""The store on SQLite and PostgreSQL: `store.SqlStore`."""

from meridian.unused_parts import empty

with empty("sqlalchemy.ext.asyncio.scoping", "sqlalchemy.ext.asyncio.session"):  # which load all that maps rows to objects
    import sqlalchemy.ext.asyncio  # noqa: F401 - its connections are taken from it below this package
