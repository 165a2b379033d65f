"""Reduce Tabler's stylesheet to what the console can use: 79 kB of gzip become about 6.

A rule stays when every class and attribute its selector names is mentioned by a template, a page or a script;
a variable stays when something that stays reads it. Nothing has to be listed by hand, and nothing in use can
be forgotten.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_CLASS = re.compile(r"\.(-?[A-Za-z_][\w-]*)")
_ATTRIBUTE = re.compile(r"\[([\w-]+)")
_CLASS_ATTRIBUTE = re.compile(r"class=\"([^\"]*)\"")
_TEXT = re.compile(r"[\"'`]([^\"'`]*)[\"'`]")
_WORD = re.compile(r"-?[A-Za-z_][\w-]*")
_VARIABLE_READ = re.compile(r"var\(\s*(--[\w-]+)")
_STRUCTURE = re.compile(r"\"[^\"]*\"|'[^']*'|[(){};,]")


@dataclass(frozen=True)
class Mentioned:
    """What our own files mention: classes, attributes (any word), and variables our stylesheets read."""

    classes: frozenset[str]
    attributes: frozenset[str]
    variables: frozenset[str]

    def matches(self, selector: str) -> bool:
        """Whether `selector` can match an element of ours."""
        plain = _ATTRIBUTE.sub("", selector)
        return (
            set(_CLASS.findall(plain)) <= self.classes
            and set(_ATTRIBUTE.findall(selector)) <= self.attributes
        )


def read_mentioned(web: Path) -> Mentioned:
    """Read templates, pages, scripts and stylesheets under `web`."""
    markup = [_read(path) for path in (*web.glob("templates/**/*.html"), *web.glob("pages/*.py"))]
    scripts = [_read(path) for path in web.glob("static/*.js")]
    classes = [match for text in markup for match in _CLASS_ATTRIBUTE.findall(text)]
    classes += [match for text in scripts for match in _TEXT.findall(text)]
    return Mentioned(
        classes=frozenset(word for text in classes for word in _WORD.findall(text)),
        attributes=frozenset(word for text in markup for word in _WORD.findall(text)),
        variables=frozenset(
            name for path in web.glob("static/*.css") for name in _VARIABLE_READ.findall(_read(path))
        ),
    )


def reduce_stylesheet(css: str, mentioned: Mentioned) -> str:
    """`css` without rules that cannot match, keyframes nobody names and variables nobody reads.

    `@media` and `@supports` blocks are reduced inside and dropped when empty; other at-rules and rules for
    elements stay.
    """
    text = "".join(_keep_matching(css, mentioned))
    while True:
        read = mentioned.variables | set(_VARIABLE_READ.findall(text))
        pruned = "".join(_keep_read_variables(text, frozenset(read)))
        if len(pruned) == len(text):
            return "".join(_keep_named_keyframes(pruned))
        text = pruned


def split_outside(text: str, separator: str) -> list[str]:
    """Split `text` at each `separator` (";" or ",") that stands outside parentheses and quotes."""
    parts, depth, start = [], 0, 0
    for found in _STRUCTURE.finditer(text):
        if found[0] == "(":
            depth += 1
        elif found[0] == ")":
            depth -= 1
        elif found[0] == separator and not depth:
            parts.append(text[start : found.start()])
            start = found.end()
    return [part for part in (*parts, text[start:]) if part.strip()]


def _keep_matching(css: str, mentioned: Mentioned) -> Iterator[str]:
    for head, body in _rules(css):
        if _is_block_of_rules(head):
            if inner := "".join(_keep_matching(body, mentioned)):
                yield f"{head}{{{inner}}}"
        elif head.startswith("@"):
            yield f"{head}{{{body}}}" if body else f"{head};"
        elif alive := [part for part in split_outside(head, ",") if mentioned.matches(part)]:
            yield f"{','.join(alive)}{{{body}}}"


def _keep_read_variables(css: str, read: frozenset[str]) -> Iterator[str]:
    for head, body in _rules(css):
        if not body:
            yield f"{head};"
        elif _is_block_of_rules(head):
            if inner := "".join(_keep_read_variables(body, read)):
                yield f"{head}{{{inner}}}"
        elif head.startswith("@"):
            yield f"{head}{{{body}}}"
        elif kept := [line for line in split_outside(body, ";") if _is_needed(line, read)]:
            yield f"{head}{{{';'.join(kept)}}}"


def _is_needed(declaration: str, read: frozenset[str]) -> bool:
    name = declaration.split(":", 1)[0].strip()
    return not name.startswith("--") or name in read


def _keep_named_keyframes(css: str) -> Iterator[str]:
    rules = list(_rules(css))
    text = "".join(body for head, body in rules if not head.startswith("@keyframes"))
    for head, body in rules:
        if head.startswith("@keyframes") and not re.search(rf"\b{re.escape(head.split()[1])}\b", text):
            continue
        yield f"{head}{{{body}}}" if body else f"{head};"


def _is_block_of_rules(head: str) -> bool:
    return head.startswith(("@media", "@supports"))


def _rules(css: str) -> Iterator[tuple[str, str]]:
    """Split a stylesheet at its top level into (head, body); the body is empty for `@import` and so on."""
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.S)
    at = 0
    while (brace := css.find("{", at)) >= 0:
        semicolon = css.find(";", at)
        if 0 <= semicolon < brace and css[at:].lstrip().startswith("@"):
            yield css[at:semicolon].strip(), ""
            at = semicolon + 1
            continue
        end = _closing_brace(css, brace)
        yield css[at:brace].strip(), css[brace + 1 : end]
        at = end + 1


def _closing_brace(css: str, opening: int) -> int:
    depth = 0
    for found in _STRUCTURE.finditer(css, opening):
        if found[0] == "{":
            depth += 1
        elif found[0] == "}":
            depth -= 1
            if not depth:
                return found.start()
    raise ValueError("a stylesheet ends inside a rule")


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
