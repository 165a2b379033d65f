"""The network between the desk's PC and a server: a way through that can be cut."""

import socket
import threading
from contextlib import suppress

from sim.demo.stack import HOST, find_free_port

PIECE_BYTES = 65536


class Gate:
    """Passes connections on to a port of this machine; while it is cut, it ends and refuses them.

    Attributes:
        port: where to connect instead.
    """

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        # by its number: a socket that was shut down keeps only a port that it was bound to on purpose
        self.port = find_free_port()
        self._listener = socket.create_server((HOST, self.port))
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._is_cut = False
        self._start()

    def cut(self) -> None:
        """End every connection and take no more; the port stays ours."""
        with self._lock:
            self._is_cut = True
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            for connection in self._open:
                _end(connection)
            self._open.clear()
        self._thread.join()

    def mend(self) -> None:
        """Let connections through again."""
        self._is_cut = False
        self._listener.listen()
        self._start()

    def close(self) -> None:
        """End it for good."""
        if not self._is_cut:
            self.cut()
        self._listener.close()

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._accept, name=f"gate {self.port}", daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self._connect(near)

    def _connect(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection((HOST, self._target_port))
        except OSError:
            near.close()
            return
        with self._lock:
            if self._is_cut:
                near.close()
                far.close()
                return
            self._open |= {near, far}
        for end in (near, far):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threads = [
            threading.Thread(target=_pump, args=ends, daemon=True) for ends in ((near, far), (far, near))
        ]
        for thread in threads:
            thread.start()
        threading.Thread(target=self._clear_up, args=(near, far, threads), daemon=True).start()

    def _clear_up(self, near: socket.socket, far: socket.socket, threads: list[threading.Thread]) -> None:
        for thread in threads:
            thread.join()
        with self._lock:
            self._open -= {near, far}
        near.close()
        far.close()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    """Carry bytes one way until either end is done, then tell both."""
    with suppress(OSError):
        while data := source.recv(PIECE_BYTES):
            sink.sendall(data)
    _end(source)
    _end(sink)


def _end(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
