"""Time as a simulation grants it."""

import json
import socket
import threading

import pytest

from cloud_broker.adapters.clock import SteppedClock, SystemClock, build_clock
from cloud_broker.domain.times import china_day_start_ms, iso_ms, to_datetime, to_ms
from cloud_broker.errors import TimeServiceLost


def test_now_waits_for_the_first_step_and_follows() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        clock = SteppedClock(*server.getsockname())
        peer, _ = server.accept()
        with peer, peer.makefile("rwb") as lines:
            assert json.loads(lines.readline()) == {"join": "observer", "name": "cloud"}
            first: list[int] = []
            waiting = threading.Thread(target=lambda: first.append(clock.now_ms()))
            waiting.start()
            lines.write(b'{"step":1,"now_ms":1000,"ports":{}}\n')
            lines.flush()
            waiting.join(10)
            assert first == [1000]
        clock.close()


def test_a_lost_time_service_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        clock = SteppedClock(*server.getsockname())
        server.accept()[0].close()
    with pytest.raises(TimeServiceLost):
        clock.now_ms()
    clock.close()


def test_the_system_has_time_too() -> None:
    assert isinstance(build_clock("system"), SystemClock)
    assert SystemClock().now_ms() > 1_700_000_000_000


def test_times_on_the_wire() -> None:
    assert iso_ms(1_773_737_760_123) == "2026-03-17T08:56:00.123Z"
    assert to_ms(to_datetime(1_773_737_760_123)) == 1_773_737_760_123
    assert iso_ms(china_day_start_ms(1_773_737_760_123)) == "2026-03-16T16:00:00.000Z"
    with pytest.raises(ValueError, match="zone"):
        to_ms(to_datetime(0).replace(tzinfo=None))
