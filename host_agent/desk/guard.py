"""Who may ask the desk's page what. Pure.

The page is on 127.0.0.1, where every program and every web page in a browser of this PC can send requests:
- Host must be this address: a name that somebody's DNS points to 127.0.0.1 is refused (DNS rebinding).
- Everything but the greeting and the look needs the page's key, as a cookie. The key comes once, in the
  address by which the console, or `cloudseat-agent page`, opens the page.
- What another site made the browser send is refused (Sec-Fetch-Site, RFC 9110 and Fetch Metadata); the front
  page alone may be opened from the console.
- Writing needs the form's token in a header, which no other site can set (CSRF).
- Only the console's own origin may read the greeting from another page (CORS).
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

COOKIE = "cloudseat_page"
FRONT = "/"
GREETING = "/hello"
OPEN = (GREETING, "/static/")


@dataclass(frozen=True, slots=True)
class Request:
    """One request; names of `headers` are lower case, `query` holds the first value of each name."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""

    def cookie(self, name: str) -> str:
        """A cookie's value, empty where there is none."""
        try:
            found = SimpleCookie(self.headers.get("cookie", "")).get(name)
        except CookieError:
            return ""
        return found.value if found is not None else ""


@dataclass(frozen=True, slots=True)
class Guard:
    """The rules of the page on `port`. `console`: the console's address."""

    port: int
    console: str

    def refuse(self, request: Request, page_key: str) -> str:
        """Why the request is refused, in a word; empty: it is not. An empty key lets nobody in."""
        if request.headers.get("host") not in self._hosts():
            return "host"
        if request.path.startswith(OPEN):
            return ""
        if not page_key:
            return "not_enrolled"
        site = request.headers.get("sec-fetch-site", "same-origin")
        if site not in ("same-origin", "none") and not (request.method == "GET" and request.path == FRONT):
            return "site"
        if not _is_same(request.cookie(COOKIE), page_key) and not self.brings_key(request, page_key):
            return "key"
        if request.method != "GET":
            origin = request.headers.get("origin", self.origin)
            token = request.headers.get("x-csrf-token", "")
            if origin not in self._origins() or not _is_same(token, build_form_token(page_key)):
                return "forged"
        return ""

    @staticmethod
    def brings_key(request: Request, page_key: str) -> bool:
        """The front page is opened with the key in its address."""
        return request.path == FRONT and _is_same(request.query.get("key", ""), page_key)

    def greeting_headers(self, request: Request) -> dict[str, str]:
        """What lets the console's page, and no other, read the greeting."""
        headers = {"Vary": "Origin"}
        origin = request.headers.get("origin", "")
        if origin and origin == origin_of(self.console):
            headers["Access-Control-Allow-Origin"] = origin
        return headers

    @property
    def origin(self) -> str:
        """Of the page itself."""
        return f"http://127.0.0.1:{self.port}"

    def _hosts(self) -> tuple[str, str]:
        return f"127.0.0.1:{self.port}", f"localhost:{self.port}"

    def _origins(self) -> tuple[str, str]:
        return self.origin, f"http://localhost:{self.port}"


def build_form_token(page_key: str) -> str:
    """What the page's own scripts send with a change; it holds as long as the key."""
    return hashlib.sha256(f"cloudseat desk form 1 {page_key}".encode()).hexdigest()[:32]


def origin_of(address: str) -> str:
    """`https://seats.example.org` of an address there."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def _is_same(given: str, wanted: str) -> bool:
    return bool(wanted) and hmac.compare_digest(given.encode(), wanted.encode())
