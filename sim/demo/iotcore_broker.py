"""A broker for machines without Mosquitto: `iotcore` (rumqttd in a wheel), on loopback, in memory, no ACL."""

import signal
import sys
import threading

from iotcore import Broker


def main() -> None:
    """Serve on 127.0.0.1 at the port of the first argument until SIGTERM or SIGINT."""
    must_stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: must_stop.set())
    with Broker(port=int(sys.argv[1]), listen="127.0.0.1", max_payload_size=1 << 20):
        print("broker.ready", flush=True)
        must_stop.wait()


if __name__ == "__main__":
    main()
