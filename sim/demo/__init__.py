"""The whole road on one machine: starts every part as a process, plays calls, checks what the cloud shows."""
