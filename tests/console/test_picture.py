"""The strip of a call."""

from dataclasses import replace
from datetime import timedelta

from cloud_broker.domain.views import RecordingView, TimelineEntry
from cloud_broker.web.pages.picture import Span, draw_call
from tests.console.estate import NOW, build_call

CALL = build_call(
    "c",
    NOW,
    "13812345678",
    state="ended",
    answered_at=NOW + timedelta(seconds=10),
    ended_at=NOW + timedelta(seconds=100),
    recording=RecordingView("verified", 90.0, 1, [(40.0, 5.0, "link_down")]),
    timeline=[
        TimelineEntry(NOW, "ring_burst", "1"),
        TimelineEntry(NOW + timedelta(seconds=2), "caller_id", "fsk-mdmf"),
        TimelineEntry(NOW + timedelta(seconds=5), "ring_burst", "2"),
        TimelineEntry(NOW + timedelta(seconds=120), "recording_uploaded", ""),
    ],
)


def test_everything_stands_at_its_time() -> None:
    picture = draw_call(CALL, NOW)
    assert picture is not None
    assert picture.seconds == 100
    assert picture.spans == (
        Span("ring", 0.0, 1.0),
        Span("ring", 5.0, 1.0),
        Span("talk", 10.0, 90.0),
        Span("gap", 50.0, 5.0),
    )
    assert [(mark.kind, mark.left) for mark in picture.marks] == [("caller_id", 2.0)]


def test_a_call_that_lasts_reaches_to_now() -> None:
    picture = draw_call(replace(CALL, ended_at=None, state="talking"), NOW + timedelta(seconds=50))
    assert picture is not None
    assert picture.seconds == 50
    assert picture.spans[-1].left + picture.spans[-1].width <= 100


def test_a_call_without_length_has_no_picture() -> None:
    assert draw_call(replace(CALL, ended_at=None, timeline=()), NOW) is None
