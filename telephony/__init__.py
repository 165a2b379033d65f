"""What a line's events mean: numbers and calls. Pure; the cloud and the desk's own page read them alike."""
