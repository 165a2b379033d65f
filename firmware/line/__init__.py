"""What the line says: detectors of caller ID, digits and tones, and the line's state."""
