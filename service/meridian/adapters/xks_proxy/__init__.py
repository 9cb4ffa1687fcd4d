"""External key stores as a client of their proxies.

Source: AWS XKS Proxy API Specification, version 1.0.3.
"""
