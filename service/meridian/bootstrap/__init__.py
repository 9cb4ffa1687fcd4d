"""Builds one Region from its settings. The only place where a concrete thing is chosen; each file builds one thing from a `Core`."""
