"""The live stream: whole on every connection, then only what changed, and a beat when nothing does."""

import asyncio
from collections.abc import AsyncIterator

from cloud_broker.domain.views import Effect
from cloud_broker.web.pages import Console
from cloud_broker.web.pages.render import Renderer
from cloud_broker.web.pages.stream import DeskFeed, format_event, stream_desk
from cloud_broker.web.static_files import StaticFiles
from tests.console.estate import DESK
from tests.console.house import AGENT, House

BEAT_S = 0.05


def build_feed(house: House) -> DeskFeed:
    console = Console(house, house, house, house, house.backroom, house.now)
    return DeskFeed(console, Renderer(StaticFiles(), house.now, False), AGENT, DESK, "zh-CN")


async def next_of(stream: AsyncIterator[str], skip_beats: bool = True) -> str:
    while (text := await anext(stream)).startswith("event: beat") and skip_beats:
        pass
    return text


class CountingFeed(DeskFeed):
    """Counts how often the page is made."""

    renders = 0

    def call_changes(self) -> str:
        self.renders += 1
        return super().call_changes()


def test_a_day_of_effects_makes_the_page_twice_at_most() -> None:
    async def scenario() -> None:
        house = House()
        plain = build_feed(house)
        feed = CountingFeed(plain.console, plain.renderer, plain.user, plain.desk, plain.language)
        stream = stream_desk(feed, house.subscribe(DESK, None), BEAT_S)
        await next_of(stream)
        await next_of(stream)
        before = feed.renders
        for _ in range(1000):
            house.tell("call", "nobody")
        assert (await next_of(stream, skip_beats=False)).startswith("event: beat")
        assert feed.renders - before <= 2
        await stream.aclose()

    asyncio.run(scenario())


def test_a_beat_goes_out_while_effects_come_that_change_nothing() -> None:
    async def without_end() -> AsyncIterator[Effect]:
        house = House()
        while True:
            await asyncio.sleep(0)
            yield Effect(1, DESK, "call", "nobody", house.time)

    async def scenario() -> None:
        stream = stream_desk(build_feed(House()), without_end(), BEAT_S)
        await next_of(stream)
        await next_of(stream)
        beat = await asyncio.wait_for(next_of(stream, skip_beats=False), 20)
        assert beat.startswith("event: beat")
        await stream.aclose()

    asyncio.run(scenario())


def test_a_connection_begins_with_everything() -> None:
    async def scenario() -> None:
        house = House()
        stream = stream_desk(build_feed(house), house.subscribe(DESK, None), BEAT_S)
        call, lists = await next_of(stream), await next_of(stream)
        assert [part in call for part in ("#call", "#caller", "#missed")] == [True, True, False]
        assert all(part in lists for part in ("#links", "#figures", "#missed", "#recent", "#promises"))
        await stream.aclose()

    asyncio.run(scenario())


def test_then_only_changes_come_and_the_call_comes_first() -> None:
    async def scenario() -> None:
        house = House()
        stream = stream_desk(build_feed(house), house.subscribe(DESK, None), BEAT_S)
        await next_of(stream)
        await next_of(stream)
        assert (await next_of(stream, skip_beats=False)).startswith("event: beat")
        house.ring()
        call = await next_of(stream)
        assert "王建国" in call
        assert "#links" not in await next_of(stream)
        await stream.aclose()

    asyncio.run(scenario())


def test_an_effect_between_the_subscription_and_the_first_read_is_not_lost() -> None:
    async def scenario() -> None:
        house = House()
        effects = house.subscribe(DESK, None)
        stream = stream_desk(build_feed(house), effects, BEAT_S)
        first = await next_of(stream)  # read before the call rings
        assert "王建国</a>" not in first
        house.ring()
        await next_of(stream)
        assert "王建国</a>" in await next_of(stream)
        await stream.aclose()

    asyncio.run(scenario())


def test_the_ticket_form_is_never_sent() -> None:
    async def scenario() -> None:
        house = House()
        stream = stream_desk(build_feed(house), house.subscribe(DESK, None), BEAT_S)
        texts = [await next_of(stream), await next_of(stream)]
        house.ring()
        texts += [await next_of(stream), await next_of(stream)]
        assert not any('"#ticket"' in text or "ticket-form" in text for text in texts)
        await stream.aclose()

    asyncio.run(scenario())


def test_the_subscription_ends_with_the_stream() -> None:
    async def scenario() -> None:
        house = House()
        stream = stream_desk(build_feed(house), house.subscribe(DESK, None), BEAT_S)
        await next_of(stream)
        await stream.aclose()
        assert house.listeners == 0

    asyncio.run(scenario())


def test_a_stream_ends_when_its_effects_end() -> None:
    async def nothing() -> AsyncIterator[object]:
        return
        yield

    async def scenario() -> None:
        stream = stream_desk(build_feed(House()), nothing(), BEAT_S)  # type: ignore[arg-type]
        assert len([text async for text in stream]) == 2

    asyncio.run(scenario())


def test_every_line_of_a_message_is_a_data_line() -> None:
    assert format_event("<p>a</p>\n\n<p>b</p>") == "data: <p>a</p>\ndata: <p>b</p>\n\n"


def test_a_stream_ends_with_its_session() -> None:
    async def scenario() -> None:
        house = House()
        is_open = [True]
        stream = stream_desk(build_feed(house), house.subscribe(DESK, None), BEAT_S, lambda: is_open[0])
        await next_of(stream)
        await next_of(stream)
        is_open[0] = False
        house.ring()
        assert [text async for text in stream] == []

    asyncio.run(scenario())
