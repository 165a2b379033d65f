"""One base error. The facts are attributes; the sentence says what to do next."""


class CloudError(Exception):
    """Anything the cloud refuses or cannot do."""


class DatabaseUnreachable(CloudError):
    def __init__(self, url: str, reason: str) -> None:
        super().__init__(
            f"The database {url} does not answer: {reason}. "
            "Start it, or correct CLOUDSEAT_CLOUD_DATABASE_URL."
        )
        self.url = url
        self.reason = reason


class PortTaken(CloudError):
    def __init__(self, host: str, port: int) -> None:
        super().__init__(
            f"Port {port} on {host} is taken by another program. Stop that program, or choose another port: "
            f"cloudseat-cloud serve --port {port + 1} (metrics: CLOUDSEAT_CLOUD_METRICS_PORT)"
        )
        self.host = host
        self.port = port


class UploadRefused(CloudError):
    """A recording that did not arrive as announced. `reason` is a constant word; nothing was stored."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason


class BackupRefused(CloudError):
    """A back-up that cannot be made there, or cannot be restored here; nothing was changed."""


class ClaimRefused(CloudError):
    """A claim code that is unknown, used or expired."""

    def __init__(self) -> None:
        super().__init__(
            "This claim code is unknown, already used or expired. Make a new one: cloudseat-cloud claim"
        )


class TimeServiceLost(CloudError):
    def __init__(self) -> None:
        super().__init__(
            "The time service of the simulation does not answer. Start it first, or set "
            "CLOUDSEAT_CLOUD_CLOCK=system."
        )


class DemoPasswords(CloudError):
    def __init__(self) -> None:
        super().__init__(
            "This database has log-ins with well-known demo passwords. Set CLOUDSEAT_CLOUD_DEMO=true to go "
            "on with the demo, or use another data directory."
        )


class SettingsRefused(CloudError):
    """`lines` name each setting that is wrong and why."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("Settings that cannot be used:\n" + "\n".join(f"  {line}" for line in lines))
        self.lines = lines


class DemoNotAllowed(CloudError):
    def __init__(self) -> None:
        super().__init__(
            "The demo has well-known passwords. To have it all the same, set CLOUDSEAT_CLOUD_DEMO=true."
        )
