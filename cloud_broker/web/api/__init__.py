"""The versioned HTTP API: the one the console's scripts and other programs use."""

from cloud_broker.web.api.router import build_api

__all__ = ["build_api"]
