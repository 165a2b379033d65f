"""The reduced stylesheet keeps what can match and drops the rest."""

from cloud_broker.web.stylesheet import Mentioned, reduce_stylesheet, split_outside

OURS = Mentioned(frozenset({"btn", "card"}), frozenset({"type"}), frozenset({"--ours"}))


def reduce(css: str) -> str:
    return reduce_stylesheet(css, OURS)


def test_rules_with_unknown_classes_go() -> None:
    assert reduce(".btn{x:1}.modal{x:2}.btn .modal{x:3}a{x:4}") == ".btn{x:1}a{x:4}"


def test_rules_with_unknown_attributes_go() -> None:
    assert reduce("[type=text]{x:1}[data-vc]{x:2}.btn[href$='.pdf']{x:3}") == "[type=text]{x:1}"


def test_a_selector_list_loses_its_dead_parts() -> None:
    assert reduce(".modal,.btn:not(.card,.btn),.card>.x{x:1}") == ".btn:not(.card,.btn){x:1}"
    assert reduce(".btn:not(:has(.card,.btn):hover),.x{x:1}") == ".btn:not(:has(.card,.btn):hover){x:1}"


def test_media_blocks_are_reduced_inside_and_dropped_when_empty() -> None:
    assert reduce("@media print{.btn{x:1}.modal{x:2}}@media print{.modal{x:3}}") == "@media print{.btn{x:1}}"


def test_keyframes_stay_only_if_named() -> None:
    css = ".btn{animation:spin 1s}@keyframes spin{to{x:1}}@keyframes pulse{to{x:2}}"
    assert reduce(css) == ".btn{animation:spin 1s}@keyframes spin{to{x:1}}"


def test_variables_stay_only_if_something_that_stays_reads_them() -> None:
    css = ":root{--ours:1;--a:var(--b);--b:2;--c:var(--d);--d:3}.btn{x:var(--a)}.modal{x:var(--c)}"
    assert reduce(css) == ":root{--ours:1;--a:var(--b);--b:2}.btn{x:var(--a)}"


def test_braces_and_semicolons_in_strings_and_comments_do_not_count() -> None:
    assert reduce('/* } */.btn{content:"}"}.card{x:1}') == '.btn{content:"}"}.card{x:1}'
    assert reduce('@charset "utf-8";.btn{x:1}') == '@charset "utf-8";.btn{x:1}'
    assert reduce(".btn{--x:url(\"a;b\");y:url('c;d')}") == ".btn{y:url('c;d')}"


def test_splitting_respects_parentheses_and_quotes() -> None:
    assert split_outside('a(b,c(d,e)),f,"g,h"', ",") == ["a(b,c(d,e))", "f", '"g,h"']
