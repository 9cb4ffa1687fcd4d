"""The store on SQLite and PostgreSQL: `store.SqlStore`."""

from meridian.unused_parts import empty

MAPPER = ("sqlalchemy.ext.asyncio.scoping", "sqlalchemy.ext.asyncio.session")
"""What loads all that maps rows to objects."""

with empty("importlib.metadata", *MAPPER):  # the former for dialects of other packages
    import sqlalchemy.ext.asyncio  # noqa: F401 - its connections are taken from it below this package
