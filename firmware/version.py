"""The firmware's version, as hello and the boot event carry it."""

VERSION = "0.1.0"
