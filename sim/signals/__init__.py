"""What a telephone exchange and a telephone put on a pair, as 8 kHz waveforms.

Written from the standards only; nothing here is shared with the firmware that has to understand it.
Every generator is a pure function that returns `Signal` (float64, in units of one int16 step), so that
levels can be added up and impaired before they are rounded once, at the end, by `levels.to_pcm`.
"""

__all__: list[str] = []
