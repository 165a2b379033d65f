"""Whom this PC trusts: the certificates, read once. It takes 10 to 20 ms, more than a short upload."""

import ssl
from functools import cache


@cache
def certificates() -> ssl.SSLContext:
    """For every connection to the cloud; what changes on the disk counts from the agent's next start on."""
    import httpx

    return httpx.create_ssl_context()
