"""What the console needs from the process that serves it: the seam of `install_pages`.

The serving process sets two attributes before a page runs (a middleware):

- `request.state.user`: `views.User`, or None when nobody is signed in;
- `request.state.csrf`: the token of this session as text, or None.

Pages send the token back in the header `X-CSRF-Token` (htmx requests) or the form field `csrf_token` (plain
forms); `guard.checked_form` compares it.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from fastapi import Request, Response

from cloud_broker.domain.operations import Operations
from cloud_broker.domain.views import Effect, Reader, User, Writer

SignInReason = Literal["wrong", "locked"]


class SignInRefused(Exception):
    """Nobody was signed in. `retry_after_s` is set when too many attempts were made."""

    def __init__(self, reason: SignInReason, retry_after_s: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after_s = retry_after_s


class Sessions(Protocol):
    """Signs people in and out; sets and clears the cookie on `response`."""

    def sign_in(self, request: Request, response: Response, username: str, password: str) -> User:
        """Raises SignInRefused."""

    def is_signed_in(self, request: Request) -> bool:
        """Whether the session this request came with is still open: a live page asks as long as it lives."""

    def sign_out(self, request: Request, response: Response) -> None: ...


class Hub(Protocol):
    """Live effects of one desk, each once and in order of `id`."""

    def subscribe(self, desk: str, after: int | None) -> AsyncIterator[Effect]:
        """Yield the effects of `desk` with id > `after` that the outbox still holds, then live ones.

        With `after` None only live ones. The subscription ends when the iterator is closed.
        """


@dataclass(frozen=True)
class Console:
    """Everything the pages work with. Reader and Writer are called from worker threads.

    Attributes:
        desk_page_port: of the agents' own page on the desk PCs, 0 for none.
        desk_page_keys: desk → (agent id → key of its page).
    """

    reader: Reader
    writer: Writer
    hub: Hub
    sessions: Sessions
    operations: Operations
    now: Callable[[], datetime]
    demo: bool = False
    desk_page_port: int = 0
    desk_page_keys: Callable[[str], Mapping[str, str]] = lambda _: {}
