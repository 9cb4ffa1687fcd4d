"""Hardware tokens, by PKCS#11: the seal of a root key, and key stores. One thread of the process makes every call to a library."""
