"""The reduced stylesheet keeps what can match and drops the rest."""

from cloud_broker.web.stylesheet import keep_mentioned_rules

WORDS = frozenset({"btn", "card", "a"})


def reduce(css: str) -> str:
    return keep_mentioned_rules(css, WORDS)


def test_rules_with_unknown_classes_go() -> None:
    assert reduce(".btn{x:1}.modal{x:2}.btn .modal{x:3}a{x:4}") == ".btn{x:1}a{x:4}"


def test_a_selector_list_loses_its_dead_parts() -> None:
    assert reduce(".modal,.btn:not(.card,.btn),.card>.x{x:1}") == ".btn:not(.card,.btn){x:1}"


def test_media_blocks_are_reduced_inside_and_dropped_when_empty() -> None:
    assert reduce("@media print{.btn{x:1}.modal{x:2}}@media print{.modal{x:3}}") == "@media print{.btn{x:1}}"


def test_keyframes_stay_only_if_named() -> None:
    css = ".btn{animation:spin 1s}@keyframes spin{to{x:1}}@keyframes pulse{to{x:2}}"
    assert reduce(css) == ".btn{animation:spin 1s}@keyframes spin{to{x:1}}"


def test_braces_in_strings_and_comments_do_not_count() -> None:
    assert reduce('/* } */.btn{content:"}"}.card{x:1}') == '.btn{content:"}"}.card{x:1}'
    assert reduce('@charset "utf-8";.btn{x:1}') == '@charset "utf-8";.btn{x:1}'
