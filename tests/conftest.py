"""Shared test rules: which system packages a test needs, and what happens where they are missing."""

import os
import shutil
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings

SYSTEM_PACKAGES = {
    "mosquitto": ["mosquitto"],
    "postgresql": ["pg_ctl", "/usr/lib/postgresql/*/bin/pg_ctl"],
    "chromium": ["chromium", "chromium-browser"],
    "fonts-noto-cjk": ["/usr/share/fonts/opentype/noto/NotoSansCJK*"],
    "qemu-user": ["qemu-xtensa"],
    "espeak-ng": ["espeak-ng"],
}
IN_CI = os.environ.get("CI") == "true"
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)
"""By default a traceback is rendered with every local variable, which takes seconds."""


def is_installed(package: str) -> bool:
    """True if any program or file that stands for `package` is present."""
    return any(
        bool(list(Path("/").glob(mark[1:]))) if mark.startswith("/") else shutil.which(mark) is not None
        for mark in SYSTEM_PACKAGES[package]
    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        for package in marker.args:
            if is_installed(package):
                continue
            message = f"needs the system package {package} (make test installs it where apt may)"
            if IN_CI:
                pytest.fail(message, pytrace=False)
            pytest.skip(message)
