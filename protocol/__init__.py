"""What box, desk PC and cloud say to each other: frames, link, events, commands, topics.

No I/O, no clock, no log.
"""
