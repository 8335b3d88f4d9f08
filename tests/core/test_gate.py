"""The guarded PyYAML: plain data or a refusal with a line, at once, for any text."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from fsbus.core import flat, gate
from fsbus.core.refusal import Refusal
from tests.core.test_flat import LINES, any_data, strings

OFTEN = settings(max_examples=250, deadline=None)

REFUSED = {
    "anchor": ("a: 1\nb: &x 2\n", 2),
    "alias": ("a: *x\n", 1),
    "tag": ("a: !important x\n", 1),
    "python": ("a: !!python/object:os.system x\n", 1),
    "merge": ("a: 1\n<<: {b: 2}\n", 2),
    "documents": ("a: 1\n---\nb: 2\n", 2),
    "twice": ("a: 1\nb: 2\na: 3\n", 3),
    "list key": ("[a]: b\n", 1),
    "inner twice": ("a:\n  b: 1\n  b: 2\n", 3),
    "deep": ("a: " + "[" * 17 + "]" * 17, 1),
    "colon": ("a: 1\nb: c: d\n", 2),
    "tab": ("a:\n\tb: 1\n", 2),
}
LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{b}: &{b} [{','.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGES = "a: &a {k: v}\n" + "".join(
    f"{b}: &{b} {{<<: [{','.join(['*' + a] * 9)}]}}\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
BOMBS = {
    "laughs": LAUGHS,
    "merges": MERGES,
    "brackets": "[" * 100_000,
    "braces": "a: " + "{" * 100_000,
    "dashes": "- " * 100_000,
    "questions": "? " * 100_000,
    "directive": "%YAML 1.1\n---\na: b\n",
    "directives": "".join(f"%TAG !a{i}! b\n" for i in range(50_000)),
    "hidden directives": "# x\u2028" + "".join(f"%TAG !a{i}! b\u2028" for i in range(50_000)),
    "keys": "".join(f"k{i}: v\n" for i in range(90_000)),
    "items": "a: [" + "b, " * 300_000 + "]",
    "steps": "".join(" " * i + "a:\n" for i in range(1300)),
    "big": "a" * (gate.MAX_CHARS + 1),
    "control": "a: \x00",
    "surrogate": "a: \ud800",
    "quotes": 'a: "' + "\\" * 900_000,
    "tags": "a: " + "!" * 900_000,
}


@pytest.mark.parametrize(("text", "line"), REFUSED.values(), ids=REFUSED.keys())
def test_refused_with_its_line_and_a_fix(text, line):
    for read in (gate.strings, gate.values):
        found = read(text)
        assert isinstance(found, Refusal)
        assert found.line == line
        assert found.fix
        assert found.sentence().startswith(f"line {line}: ")


def test_twice_names_both_lines_in_the_file():
    found = gate.strings("a: 1\nb: 2\na: 3\n", first_line=11)
    assert isinstance(found, Refusal)
    assert "lines 11 and 13" in found.what


@pytest.mark.timeout(20)  # a hang, not a speed: opened up, these take minutes, gigabytes, or the interpreter with them
@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS.keys())
def test_bombs_are_refused(text):
    assert isinstance(gate.values(text), Refusal)


WORDS = {
    "null": None,
    "~": None,
    "": None,
    "true": True,
    "FALSE": False,
    "0": 0,
    "-5": -5,
    "12": 12,
    "1.5": 1.5,
    "-0.25": -0.25,
    "1e3": 1000.0,
    "0.25e1": 2.5,
    "12.5e1": 125.0,
    "1.0e+16": 1e16,
    "0.30000000000000004": 0.30000000000000004,
    "no": "no",
    "on": "on",
    "yes": "yes",
    "9:30": "9:30",
    "0755": "0755",
    "0x1f": "0x1f",
    "1_000": "1_000",
    "3.10": "3.10",
    "+5": "+5",
    "5.": "5.",
    "01.5": "01.5",
    "-0": "-0",
    "2026-11-22": "2026-11-22",
    ".inf": ".inf",
    ".nan": ".nan",
    "1e999": "1e999",
    "1_0.5": "1_0.5",
    "0.1000000000000000055": "0.1000000000000000055",
    "١٢": "١٢",
    "1.2.3": "1.2.3",
    "9" * 5000: "9" * 5000,
}


@pytest.mark.parametrize("word", WORDS, ids=lambda word: repr(word[:20]))
def test_only_what_json_knows_is_more_than_a_word(word):
    found = gate.values(f"a: {word}\nb: '{word}'\n")
    assert found == {"a": WORDS[word], "b": word}
    assert type(found["a"]) is type(WORDS[word])
    assert gate.strings(f"a: {word}\n") == {"a": word}


@OFTEN
@given(st.dictionaries(strings, any_data.filter(lambda data: "inf" not in repr(data)), max_size=4))
def test_what_flat_writes_keeps_its_types(data):
    found = gate.values(flat.dump(data))
    assert found == data
    assert repr(found).replace("-0.0", "0.0") == repr(data).replace("-0.0", "0.0")


@settings(max_examples=400, deadline=None)
@given(st.lists(LINES, min_size=1, max_size=6).map("\n".join))
def test_it_never_raises_and_agrees_with_base_loader(text):
    found = gate.strings(text)
    gate.values(text)
    if not isinstance(found, Refusal):
        assert (yaml.load(text, yaml.CBaseLoader)) == found


@OFTEN
@given(st.text())
def test_it_never_raises_on_any_text(text):
    gate.strings(text)
    gate.values(text)


AS_IT_STANDS = {
    "a comment that is none": ("task: Fix #42 today\nto: echo # who\n", {"task": "Fix #42 today", "to": "echo"}),
    "nothing else": ("task: #42 is broken\nto: echo", {"task": "#42 is broken", "to": "echo"}),
    "in a list": ("- task: ä😀 #1\n  to: b # c\n- task: two\n", [{"task": "ä😀 #1", "to": "b"}, {"task": "two"}]),
    "line breaks": ("task: one\n\n  two\n  three # x\nto: y\n", {"task": "one\n\ntwo\nthree # x", "to": "y"}),
    "on the next line": ("task:\n  Fix #3\n", {"task": "Fix #3"}),
    "CRLF": ("task: a #1\r\nto: b # c\r\n", {"task": "a #1", "to": "b"}),
    "a byte order mark": ("\ufefftask: a #1\n", {"task": "a #1"}),
    "a line separator": ("to: a\u2028task: b #2\u2028", {"to": "a", "task": "b #2"}),
    "in braces": ("{task: one, to: two}", {"task": "one", "to": "two"}),
    "in braces, of two lines": ("{task: one #1\n, to: two}", {"task": "one #1", "to": "two"}),
    "quotes": ("task: 'a #1' # c\n", {"task": "a #1"}),
    "a block": ("task: | # c\n  a #1\n", {"task": "a #1\n"}),
    "data": ("task: [a, b] # c\n", {"task": ["a", "b"]}),
    "a number": ("task: 3\n", {"task": 3}),
}


@pytest.mark.parametrize(("text", "data"), AS_IT_STANDS.values(), ids=AS_IT_STANDS.keys())
@pytest.mark.parametrize("pure", [False, True])
def test_a_bare_text_is_taken_as_it_stands(text, data, pure, monkeypatch):
    if pure:
        monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    assert gate.values(text, texts=frozenset(["task"])) == data


@OFTEN
@given(st.dictionaries(st.sampled_from(["task", "to"]), any_data))
def test_what_fsbus_wrote_is_read_the_same_whatever_is_text(data):
    text = flat.dump(data)
    assert gate.own(text) == gate.values(text, texts=frozenset(["task"])) or isinstance(gate.values(text), Refusal)
