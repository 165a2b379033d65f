"""One base error; the facts are attributes, the sentence is for a log."""


class ProtocolError(Exception):
    """Bytes or values that this protocol does not allow."""


class CborError(ProtocolError):
    """Bytes that are not deterministic CBOR, or a value CBOR does not carry here. `reason` is one word."""

    def __init__(self, reason: str) -> None:
        super().__init__("cbor: " + reason)
        self.reason = reason


class FrameError(ProtocolError):
    """A frame that cannot be encoded or decoded. `reason`: cobs, crc, short, long, type."""

    def __init__(self, reason: str) -> None:
        super().__init__("frame: " + reason)
        self.reason = reason


class MessageError(ProtocolError):
    """A control message, event or command whose shape is wrong. `reason` says which part."""

    def __init__(self, reason: str) -> None:
        super().__init__("message: " + reason)
        self.reason = reason


class TopicError(ProtocolError):
    """An MQTT topic outside the table of `protocol.topics`."""

    def __init__(self, topic: str) -> None:
        super().__init__("topic: " + topic)
        self.topic = topic
