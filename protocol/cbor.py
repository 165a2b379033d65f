"""Deterministic CBOR (RFC 8949 4.2.1), the subset the link needs.

Carried: integers of 64 bits, bytes, text, arrays, maps with text keys, true, false, null.
Deterministic: shortest heads, definite lengths, map keys sorted by their encoded bytes, no duplicates.
Not carried: floats, tags, indefinite lengths, undefined. The decoder refuses what the encoder would not
write, so one value has one encoding and a hash of the bytes is a hash of the value.
"""

from protocol.errors import CborError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_DEPTH = 8
MAX_ITEMS = 256

_UINT, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _SIMPLE = 0, 1, 2, 3, 4, 5, 7
_FALSE, _TRUE, _NULL = 0xF4, 0xF5, 0xF6
_HEAD_SIZES = {24: 1, 25: 2, 26: 4, 27: 8}
_SECOND_BYTES = {0xE0: (0xA0, 0xBF), 0xED: (0x80, 0x9F), 0xF0: (0x90, 0xBF), 0xF4: (0x80, 0x8F)}


def encode(value: "Any") -> bytes:
    """Encode one value.

    Raises:
        CborError: `type`, `range` (an integer beyond 64 bits), `key` (a map key that is not text), `items`
            (over 256 in an array or map), `depth` (over 8).
    """
    out = bytearray()
    _write(out, value, 0)
    return bytes(out)


def decode(data: "bytes | bytearray | memoryview") -> "Any":
    """Decode exactly one value that fills `data`.

    Raises:
        CborError: `truncated`, `trailing`, `not_shortest`, `order`, `duplicate`, `type`, `key`, `text`,
            `items`, `depth`.
    """
    value, end = _read(bytes(data), 0, 0)
    if end != len(data):
        raise CborError("trailing")
    return value


def _write_head(out: bytearray, major: int, number: int) -> None:
    if number < 24:
        out.append(major << 5 | number)
        return
    if number > 0xFFFFFFFFFFFFFFFF:
        raise CborError("range")
    size, code = (1, 24) if number < 1 << 8 else (2, 25) if number < 1 << 16 else (4, 26)
    if number >= 1 << 32:
        size, code = 8, 27
    out.append(major << 5 | code)
    out.extend(number.to_bytes(size, "big"))


def _write_count(out: bytearray, major: int, count: int) -> None:
    if count > MAX_ITEMS:
        raise CborError("items")
    _write_head(out, major, count)


def _write(out: bytearray, value: "Any", depth: int) -> None:
    if depth > MAX_DEPTH:
        raise CborError("depth")
    if value is None:
        out.append(_NULL)
    elif value is True:
        out.append(_TRUE)
    elif value is False:
        out.append(_FALSE)
    elif isinstance(value, int):
        if value >= 0:
            _write_head(out, _UINT, value)
        else:
            _write_head(out, _NEGATIVE, -1 - value)
    elif isinstance(value, str):
        text = value.encode("utf-8")
        _write_head(out, _TEXT, len(text))
        out.extend(text)
    elif isinstance(value, (bytes, bytearray, memoryview)):
        _write_head(out, _BYTES, len(value))
        out.extend(bytes(value))
    elif isinstance(value, (list, tuple)):
        _write_count(out, _ARRAY, len(value))
        for item in value:
            _write(out, item, depth + 1)
    elif isinstance(value, dict):
        _write_map(out, value, depth)
    else:
        raise CborError("type")


def _write_map(out: bytearray, value: "dict[str, Any]", depth: int) -> None:
    keys = []
    for key in value:
        if not isinstance(key, str):
            raise CborError("key")
        keys.append((encode(key), key))
    keys.sort()
    _write_count(out, _MAP, len(keys))
    for encoded, key in keys:
        out.extend(encoded)
        _write(out, value[key], depth + 1)


def _read_head(data: bytes, at: int) -> "tuple[int, int, int]":
    """(major type, number, index after the head)."""
    if at >= len(data):
        raise CborError("truncated")
    major, low = data[at] >> 5, data[at] & 0x1F
    at += 1
    if low < 24:
        return major, low, at
    size = _HEAD_SIZES.get(low)
    if size is None or major == _SIMPLE:
        raise CborError("type")
    if at + size > len(data):
        raise CborError("truncated")
    number = int.from_bytes(data[at : at + size], "big")
    if number < (24 if size == 1 else 1 << (4 * size)):
        raise CborError("not_shortest")
    return major, number, at + size


def _read(data: bytes, at: int, depth: int) -> "tuple[Any, int]":
    if depth > MAX_DEPTH:
        raise CborError("depth")
    first = at
    major, number, at = _read_head(data, at)
    if major == _UINT:
        return number, at
    if major == _NEGATIVE:
        return -1 - number, at
    if major == _BYTES or major == _TEXT:
        end = at + number
        if end > len(data):
            raise CborError("truncated")
        raw = data[at:end]
        return (raw if major == _BYTES else _text(raw)), end
    if major == _ARRAY or major == _MAP:
        if number > MAX_ITEMS:
            raise CborError("items")
        return _read_items(data, at, number, depth) if major == _ARRAY else _read_map(data, at, number, depth)
    simple = data[first]
    if simple == _FALSE:
        return False, at
    if simple == _TRUE:
        return True, at
    if simple == _NULL:
        return None, at
    raise CborError("type")


def _text(raw: bytes) -> str:
    try:
        text = raw.decode("utf-8")
    except UnicodeError:
        raise CborError("text") from None
    if len(text) != len(raw) and not _is_utf8(raw):
        raise CborError("text")
    return text


def _is_utf8(raw: bytes) -> bool:
    """True if the first two bytes of each sequence are as in RFC 3629 4; `decode` has checked the others.

    MicroPython's decodes long forms, surrogates and what is beyond U+10FFFF.
    """
    first = 0
    for byte in raw:
        if first >= 0xC0:
            low, high = _SECOND_BYTES.get(first, (0x80, 0xBF))
            if not 0xC2 <= first <= 0xF4 or not low <= byte <= high:
                return False
        first = byte
    return True


def _read_items(data: bytes, at: int, count: int, depth: int) -> "tuple[list[Any], int]":
    items = []
    for _ in range(count):
        item, at = _read(data, at, depth + 1)
        items.append(item)
    return items, at


def _read_map(data: bytes, at: int, count: int, depth: int) -> "tuple[dict[str, Any], int]":
    result = {}
    previous = b""
    for _ in range(count):
        start = at
        key, at = _read(data, at, depth + 1)
        encoded = data[start:at]
        if not isinstance(key, str):
            raise CborError("key")
        if encoded == previous:
            raise CborError("duplicate")
        if encoded < previous:
            raise CborError("order")
        previous = encoded
        result[key], at = _read(data, at, depth + 1)
    return result, at
