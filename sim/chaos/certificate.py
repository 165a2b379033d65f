"""The certificate as a page: plain, Chinese first, English second."""

from html import escape
from typing import Any

Row = dict[str, Any]

WORDS = {
    "lost": ("丢失的通话", "calls lost"),
    "double": ("重复的通话", "calls double"),
    "outcome_not_allowed": ("结果不符", "outcomes not allowed"),
    "number_wrong": ("号码错误", "wrong numbers"),
    "direction_wrong": ("方向错误", "wrong directions"),
    "recording_unaccounted": ("录音缺失", "recordings unaccounted for"),
    "late_start": ("开始时间不符", "starts off by more than the tolerance"),
    "out_of_order": ("顺序错误", "out of order"),
    "rings_wrong": ("振铃次数不符", "wrong ring counts"),
    "talk_wrong": ("通话时长不符", "wrong talk times"),
    "not_ended": ("未结束的通话", "calls that never ended"),
}
_STYLE = """
body { font: 16px/1.5 system-ui, "Noto Sans CJK SC", sans-serif; max-width: 60rem; margin: 2rem auto }
table { border-collapse: collapse; width: 100% }
td, th { border: 1px solid #bbb; padding: .3rem .6rem; text-align: left }
td.n { text-align: right; font-variant-numeric: tabular-nums } .clean { color: #060 } .dirty { color: #a00 }
"""


def render(certificate: Row) -> str:
    """The page of a certificate's JSON."""
    counts: dict[str, int] = certificate["counts"]
    is_clean = certificate["verdict"] == "nothing lost"
    verdict = "没有丢失 · nothing lost" if is_clean else "未能证明 · not proved"
    calls, seconds = certificate["calls"], certificate["recording_seconds"]
    rows = [
        ("线路上的通话", "calls on the lines", calls["truth"]),
        ("云端的通话", "calls in the cloud", calls["cloud"]),
    ]
    rows += [(*WORDS[name], count) for name, count in counts.items()]
    rows += [
        ("摘机秒数", "seconds off-hook", seconds["line"]),
        ("录音秒数", "seconds recorded", seconds["cloud"]),
        ("其中声明的缺口", "declared gaps of them", seconds["declared_gaps"]),
    ]
    body = "".join(f'<tr><th>{zh}<td>{en}<td class="n">{value}' for zh, en, value in rows)
    findings = "".join(
        f"<tr><td>{escape(WORDS[found['verdict']][1])}<td>{_tell(found)}<td>{escape(found['detail'])}"
        for found in certificate["findings"][:200]
    )
    listed = f"<h2>发现 · findings</h2><table>{findings}</table>" if findings else ""
    return (
        f'<!doctype html><html lang="zh"><meta charset="utf-8"><title>对账证明 · Certificate</title>'
        f"<style>{_STYLE}</style><h1>对账证明 · Certificate</h1>"
        f'<p class="{"clean" if is_clean else "dirty"}"><strong>{verdict}</strong>'
        f"<table>{body}</table>{listed}</html>\n"
    )


def _tell(found: Row) -> str:
    row = found["truth"] or found["cloud"]
    return escape(f"{row['box']} {row['start']:.3f} {row['direction']} {row['outcome']}")
