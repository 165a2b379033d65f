"""A cloud asked in the process, or served for real on a free port."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from fastapi import FastAPI

from cloud_broker.bootstrap import Cloud
from cloud_broker.web.app import build_app
from cloud_broker.web.server import Server, open_socket


class InProcess(httpx.BaseTransport):
    """Hands a request to the application without a socket; good for everything that ends."""

    def __init__(self, app: FastAPI) -> None:
        self._inner = httpx.ASGITransport(app=app)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return asyncio.run(self._answer(request))

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        body = b"".join([part async for part in response.aiter_raw()])
        return httpx.Response(response.status_code, headers=response.headers, content=body)


def asking(cloud: Cloud) -> httpx.Client:
    """A client of the API without the console."""
    return httpx.Client(transport=InProcess(build_app(cloud, pages=False)), base_url="http://cloud.test")


@contextmanager
def serving(cloud: Cloud) -> Iterator[httpx.Client]:
    """The same behind a real socket."""
    ready = threading.Event()
    listener = open_socket("127.0.0.1", 0)
    server = Server(build_app(cloud, pages=False), on_ready=ready.set, on_stop=cloud.hub.end_streams)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    assert ready.wait(10)
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        with httpx.Client(base_url=address, trust_env=False, timeout=10) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()
