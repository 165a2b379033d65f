"""The console people see: FastAPI routes that render HTML pages and live fragments of them."""

from cloud_broker.web.pages.ports import Console, Hub, Sessions, SignInRefused
from cloud_broker.web.pages.router import install_pages

__all__ = ["Console", "Hub", "Sessions", "SignInRefused", "install_pages"]
