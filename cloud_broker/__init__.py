"""The cloud: events in, calls, screen pops, tickets and recordings out."""
