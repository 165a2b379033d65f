"""The socket that the cloud serves on."""

import socket
import threading

from fastapi import FastAPI

from cloud_broker.web.server import Server, open_socket


def test_an_answer_waits_for_no_acknowledgement() -> None:
    """Headers and body go in two packets: the second must not be held back (TCP_NODELAY)."""
    ready = threading.Event()
    with open_socket("127.0.0.1", 0) as listener:
        server = Server(FastAPI(), on_ready=ready.set, on_stop=lambda: None)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        assert ready.wait(10)
        try:
            with socket.create_connection(listener.getsockname(), timeout=10) as client:
                client.sendall(b"GET /absent HTTP/1.1\r\nHost: cloud.test\r\n\r\n")
                assert client.recv(4096).startswith(b"HTTP/1.1 404")
                (connection,) = server.server_state.connections
                accepted = connection.transport.get_extra_info("socket")
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        finally:
            server.should_exit = True
            thread.join(10)
