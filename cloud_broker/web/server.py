"""Serving: the socket is ours, so that a taken port is one clear sentence."""

import socket
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from cloud_broker.errors import PortTaken

GRACE_S = 3
BACKLOG = 128


def open_socket(host: str, port: int) -> socket.socket:
    """Listen. Port 0 takes a free one.

    The protocol is named because asyncio sends small packets at once (TCP_NODELAY) on such sockets only;
    else each answer on a connection that stays open waits 40 ms for the browser's acknowledgement.

    Raises:
        PortTaken.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise PortTaken(host, port) from error
    return listener


class Server(uvicorn.Server):
    """Says when it is ready, and ends open streams before it waits for requests to finish."""

    def __init__(self, app: FastAPI, on_ready: Callable[[], None], on_stop: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app, log_config=None, access_log=False, timeout_graceful_shutdown=GRACE_S, server_header=False
            )
        )
        self._on_ready = on_ready
        self._on_stop = on_stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_stop()
        await super().shutdown(sockets)
