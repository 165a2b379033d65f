"""What the rooms inside need of the outside, as narrow protocols."""

from collections.abc import Iterator
from typing import Protocol


class Clock(Protocol):
    """UTC now in unix milliseconds; the only source of time for everything but MQTT keep-alive."""

    def now_ms(self) -> int: ...


class Publisher(Protocol):
    """Sends one MQTT message with QoS 1; False if the broker is away (the caller decides what that means)."""

    def publish(self, topic: str, payload: bytes) -> bool: ...


class ObjectStore(Protocol):
    """Bytes under a key. A key appears whole or not at all."""

    def put(self, key: str, chunks: Iterator[bytes]) -> None: ...

    def get_range(self, key: str, start: int, length: int) -> bytes: ...

    def size(self, key: str) -> int | None: ...

    def delete(self, key: str) -> None: ...

    def keys(self, prefix: str) -> Iterator[str]: ...
