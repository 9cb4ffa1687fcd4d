"""Certificates of a SPIFFE Workload API, kept in files as a Region reads them."""
