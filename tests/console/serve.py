"""The console on the house in memory: for the tests of this folder and for work on the pages.

`python -m tests.console.serve [--empty] [--hq] [PORT]` serves it on 127.0.0.1, to an agent or headquarters;
`/tests/<scene>` plays a scene (ring, unknown, shared, withheld, answer, hang_up).
"""

import io
import math
import sys
import threading
import wave
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import uvicorn
from fastapi import FastAPI, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from cloud_broker.web.pages import Console, install_pages
from tests.console.estate import LIU, ZHAO
from tests.console.house import CSRF, HEADQUARTERS, House

RATE = 8000


def build_app(house: House) -> FastAPI:
    app = FastAPI()

    @app.get("/tests/speech.wav")
    def speech() -> Response:
        return Response(_speech(), media_type="audio/wav")

    @app.get("/tests/{scene}")
    def play_scene(scene: str) -> str:
        current = next((call for call in house.call_list if call.state != "ended"), None)
        scenes: dict[str, Callable[[], object]] = {
            "ring": house.ring,
            "unknown": lambda: house.ring("15920001000", ()),
            "shared": lambda: house.ring("01062345678", (LIU, ZHAO)),
            "withheld": lambda: house.ring(None, (), number_state="withheld", ring_count=2),
        }
        if current:
            scenes |= {"answer": lambda: house.answer(current), "hang_up": lambda: house.hang_up(current)}
        scenes[scene]()
        return scene

    console = Console(house, house, house, house, house.backroom, house.now, demo=True)
    console = replace(console, desk_page_port=house.page_port, desk_page_keys=lambda _: house.page_keys)
    install_pages(app, console)
    app.add_middleware(SignedInAs, house=house)
    return app


class SignedInAs:
    """Sets what the cloud's session middleware sets."""

    def __init__(self, app: ASGIApp, house: House) -> None:
        self._app = app
        self._house = house

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope.setdefault("state", {}).update(
                user=self._house.user, csrf=CSRF if self._house.user else None
            )
        await self._app(scope, receive, send)


@contextmanager
def serving(house: House, port: int = 0) -> Iterator[str]:
    """Serve `house` in a thread; yields its address."""
    config = uvicorn.Config(
        build_app(house), host="127.0.0.1", port=port, log_level="warning", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    started = threading.Event()
    config.load()
    startup = server.startup

    async def startup_and_tell(sockets: list[object] | None = None) -> None:
        await startup(sockets)  # type: ignore[arg-type]
        started.set()

    server.startup = startup_and_tell  # type: ignore[method-assign, assignment]
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    started.wait(20)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)


def _speech() -> bytes:
    """Three seconds of a tone that swells four times a second, as syllables do."""
    out = io.BytesIO()
    samples = (
        round(9000 * abs(math.sin(math.tau * 2 * n / RATE)) * math.sin(math.tau * 220 * n / RATE))
        for n in range(3 * RATE)
    )
    with wave.open(out, "wb") as sound:
        sound.setparams((1, 2, RATE, 0, "NONE", ""))
        sound.writeframes(array("h", samples).tobytes())
    return out.getvalue()


if __name__ == "__main__":
    arguments = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    own = House(empty="--empty" in sys.argv)
    own.user = HEADQUARTERS if "--hq" in sys.argv else own.user
    with serving(own, int(arguments[0]) if arguments else 8100) as address:
        print(address, flush=True)
        threading.Event().wait()
