"""Reduce Tabler's stylesheet to the rules the console can match: 79 kB of gzip become about 10.

A rule stays when every class its selector names is a word of some template, page or script. That is a
superset of what is in use, so nothing has to be listed by hand and no class can be forgotten.
"""

import re
from collections.abc import Iterator
from pathlib import Path

_CLASS = re.compile(r"\.(-?[A-Za-z_][\w-]*)")
_WORD = re.compile(r"-?[A-Za-z_][\w-]*")


def mentioned_words(web: Path) -> frozenset[str]:
    """Every word of our templates, pages and scripts: a superset of the class names in use."""
    sources = [*web.glob("templates/**/*.html"), *web.glob("pages/*.py"), *web.glob("static/*.js")]
    return frozenset(word for source in sources for word in _WORD.findall(source.read_text(encoding="utf-8")))


def keep_mentioned_rules(css: str, words: frozenset[str]) -> str:
    """Drop from `css` every rule that cannot match: each of its selectors names a class not in `words`.

    `@media` and `@supports` blocks are reduced inside and dropped when empty; other at-rules stay, except
    `@keyframes` that no kept rule names. `:root` and element rules stay.
    """
    kept = list(_reduce(css, words))
    text = "".join(rule for rule in kept if not rule.startswith("@keyframes"))
    return "".join(
        rule
        for rule in kept
        if not rule.startswith("@keyframes") or re.search(rf"\b{re.escape(_keyframes_name(rule))}\b", text)
    )


def _reduce(css: str, words: frozenset[str]) -> Iterator[str]:
    for head, body in _rules(css):
        if head.startswith(("@media", "@supports")):
            if inner := "".join(_reduce(body, words)):
                yield f"{head}{{{inner}}}"
        elif head.startswith("@"):
            yield f"{head}{{{body}}}" if body else f"{head};"
        else:
            alive = [part for part in _selectors(head) if set(_CLASS.findall(part)) <= words]
            if alive:
                yield f"{','.join(alive)}{{{body}}}"


def _rules(css: str) -> Iterator[tuple[str, str]]:
    """Split a stylesheet at its top level into (head, body); the body is empty for `@import` and so on."""
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.S)
    at = 0
    while at < len(css):
        brace, semicolon = css.find("{", at), css.find(";", at)
        if brace < 0:
            return
        if 0 <= semicolon < brace and css[at] == "@":
            yield css[at:semicolon].strip(), ""
            at = semicolon + 1
            continue
        end = _closing_brace(css, brace)
        yield css[at:brace].strip(), css[brace + 1 : end]
        at = end + 1


def _closing_brace(css: str, opening: int) -> int:
    depth = 0
    for found in re.finditer(r"[{}]|\"[^\"]*\"|'[^']*'", css[opening:]):
        if found[0] == "{":
            depth += 1
        elif found[0] == "}":
            depth -= 1
            if not depth:
                return opening + found.start()
    raise ValueError("a stylesheet ends inside a rule")


def _selectors(head: str) -> list[str]:
    """Split a selector list at its commas, not at those inside parentheses."""
    return re.split(r",(?![^()]*\))", head)


def _keyframes_name(rule: str) -> str:
    return rule.split("{", 1)[0].split()[1]
