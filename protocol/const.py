"""Limits and numbers both ends of a wire must share."""

PROTOCOL_VERSION = 1
"""Version of frames, messages and events. A peer with another version is refused in `hello`."""

MAX_PAYLOAD = 256
"""Bytes of payload in one frame (DESIGN: 256 keep 91 % of the line, and 73 % at a bit error rate of 1e-4)."""

AUDIO_HEADER = 8
"""Bytes before the A-law in an audio payload: call u32, first_sample u32, big-endian."""

MAX_AUDIO_BYTES = MAX_PAYLOAD - AUDIO_HEADER
"""A-law samples (one byte each) in one audio payload."""

SAMPLE_RATE_HZ = 8000
BLOCK_SAMPLES = 256
"""Samples the firmware handles in one step: 32 ms."""

UINT32_MAX = 0xFFFFFFFF

UPTIME_MAX_MS = (1 << 53) - 1
"""Greatest `uptime_ms`: a box is up for longer than 2^32 ms (49 days); JSON integers are exact to here."""
