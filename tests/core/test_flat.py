"""Our YAML subset against PyYAML: what it writes reads back everywhere, what it reads is what BaseLoader reads."""

from __future__ import annotations

import subprocess
import sys

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from fsbus.core import flat
from fsbus.core.flatline import quoted

OFTEN = settings(max_examples=250, deadline=None)
# Pieces on which YAML readers disagree; random letters alone would hardly ever hit one.
PIECES = [
    "a",
    "no",
    "On",
    "NULL",
    "~",
    "null",
    "y",
    "9:30",
    "0755",
    "1e3",
    "0x1f",
    "1_000",
    "3.10",
    ".5",
    ".inf",
    "12",
    "2026-11-22",
    "20261122-021455123-m2x9rt",
    "30s",
    "-",
    "- ",
    "--",
    ": ",
    ":",
    " #",
    "#",
    "'",
    '"',
    "\\",
    "\n",
    "\n\n",
    "\t",
    " ",
    "  ",
    "é",
    "🎉",
    "\u200d",
    "\xa0",
    "\x85",
    "\u2028",
    "\ufeff",
    "\x00",
    "\x1b",
    "\r",
    "[",
    "]",
    "{",
    "}",
    ",",
    "|",
    ">",
    "@",
    "`",
    "%",
    "&",
    "*",
    "!",
    "=",
    "<<",
    "---",
    "...",
    "?",
    "/a/b",
    "~/x",
    "_",
    "key",
    "word " * 30,
]
strings = st.one_of(st.lists(st.sampled_from(PIECES), max_size=6).map("".join), st.text(st.characters(exclude_categories=["Cs"])))
keys = strings.filter(lambda text: text != "<<")
text_data = st.recursive(
    strings,
    lambda inner: st.lists(inner, min_size=1, max_size=3) | st.dictionaries(keys, inner, min_size=1, max_size=3),
    max_leaves=8,
)
numbers = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False))
any_data = st.recursive(
    strings | numbers, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(strings, inner, max_size=3), max_leaves=8
)

LINES = st.one_of(
    st.sampled_from(
        ["", "   ", "# c", "  # c", "\t", "---", "...", "- a", "- a: b", "-", "  - x", "a: |", "a: |-", "b: |2", "c: >", "? k"]
    ),
    st.builds(
        lambda pad, key, gap, value: f"{pad}{key}:{gap}{value}",
        st.sampled_from(["", "", "", " ", "  ", "    ", "- ", "  - "]),
        st.sampled_from(["a", "b", "c", "d e", "'q'", '"r"', "x:y", "no"]),
        st.sampled_from([" ", " ", "", "  "]),
        st.one_of(
            strings,
            st.sampled_from(
                ["[a, b]", "{a: b, c: {d: e}}", "[a, [b, 'c']]", "'it''s'", '"\\x41\\n"', "x # c", "[a,]", "{a}", "[]"]
            ),
        ),
    ),
    strings,
)


def written(data: object) -> object:
    """The data as BaseLoader should give it: every scalar as its text."""
    if isinstance(data, dict):
        return {key: written(value) for key, value in data.items()}
    if isinstance(data, list):
        return [written(value) for value in data]
    if data is None or isinstance(data, bool):
        return {None: "null", True: "true", False: "false"}[data]
    return data if isinstance(data, str) else str(data) if isinstance(data, int) else yaml.safe_dump(data).split("\n")[0]


@OFTEN
@given(st.dictionaries(strings, any_data, max_size=4))
def test_every_yaml_reader_reads_what_was_written(data):
    text = flat.dump(data)
    assert yaml.load(text, yaml.CSafeLoader) == yaml.load(text, yaml.SafeLoader) == data
    assert yaml.load(text, yaml.CBaseLoader) == yaml.load(text, yaml.BaseLoader) == written(data)


@OFTEN
@given(st.dictionaries(keys, text_data, min_size=1, max_size=4))
def test_own_text_is_read_without_pyyaml(data):
    assert flat.load(flat.dump(data)) == data


@settings(max_examples=600, deadline=None)
@given(st.lists(LINES, min_size=1, max_size=5), st.sampled_from(["\n", "", "\n\n"]))
def test_what_is_read_is_what_base_loader_reads(lines, end):
    text = "\n".join(lines) + end
    found = flat.load(text)
    if found is not None:
        assert yaml.load(text, yaml.CBaseLoader) == found


@settings(max_examples=250, deadline=None)
@given(
    st.dictionaries(st.sampled_from("abcd"), text_data, min_size=1),
    st.integers(0, 500),
    st.integers(0, 3),
    st.sampled_from([*PIECES, ""]),
)
def test_a_damaged_file_is_read_as_base_loader_reads_it(data, at, cut, patch):
    text = flat.dump(data)
    text = text[: at % len(text)] + patch + text[at % len(text) + cut :]
    found = flat.load(text)
    if found is not None:
        assert yaml.load(text, yaml.CBaseLoader) == found


BARE = [
    "code",
    "Bump the deps",
    "20261122-021455123-m2x9rt",
    "30s",
    "5 apples",
    "/home/me/src",
    "~/src",
    "http://x/y",
    "écrit",
    "a#b",
    "it's",
]
QUOTED = [
    "",
    "no",
    "Off",
    "null",
    "~",
    "y",
    "9:30",
    "0755",
    "1e3",
    "0x1f",
    "1_000",
    "3.10",
    "2026-11-22",
    "#x",
    "a: b",
    "a #b",
    "a:",
    "- x",
    " a",
    "a ",
    "*x",
    "&x",
    "!x",
    "%s",
    "@alice",
    "`ls`",
    "[x]",
    "{x}",
    "> x",
    "| x",
    "? x",
    "=",
    "<<",
    ".5",
    "-1",
    "+1",
    "\t",
]


@pytest.mark.parametrize("text", BARE)
def test_words_stand_bare(text):
    assert flat.dump({"k": text}) == f"k: {text}\n"


@pytest.mark.parametrize("text", QUOTED)
def test_what_may_be_mistaken_is_quoted(text):
    assert flat.dump({"k": text})[3] in "'\""


def test_text_reads_well():
    data = {
        "task": "One:\n\n- a\n- b",
        "tried": [{"kind": "exit", "what": "a\nb\n"}],
        "count": 5,
        "x": None,
        "e": [],
        "o": {"p": {"q": "r"}},
    }
    assert flat.dump(data) == (
        "task: |-\n  One:\n\n  - a\n  - b\ntried:\n  - kind: exit\n    what: |\n      a\n      b\n"
        "count: 5\nx: null\ne: []\no:\n  p:\n    q: r\n"
    )


CONFIGS = {
    "bus": "id: 7f\nhosts:\n  mac: {}\n  vps: {ssh: me@vps, root: /me}  # there\ntimers: {ack: 5m, beat: 5s}\nnotify: null\n",
    "agent": "role: worker\nhome: mac\naccepts: [code, 'no']\nrun: claude -p\nchecks:\n  tests: make test\nenv:\n- a\n- b\n",
    "comments": "# head\n\na: 1  # one\n# two\nb:   # empty\nc:\n  # inside\n  - x\n",
    "literal": "a: |+\n  x\n\n\nb: |2\n    y\n",
    "chomping": "a: |\n  x\n\n\nb: |-\n  y\n\nc:\n  - |\n    z\n\n\n",
}


@pytest.mark.parametrize("text", CONFIGS.values(), ids=CONFIGS.keys())
def test_what_careful_people_write_needs_no_pyyaml(text):
    assert flat.load(text) == yaml.load(text, yaml.CBaseLoader)
    assert flat.load(text) is not None


DOUBTFUL = {
    "anchor": "a: &x b\n",
    "alias": "a: *x\n",
    "tag": "a: !t b\n",
    "twice": "a: 1\na: 2\n",
    "merge": "<<: {a: b}\n",
    "comment in key": "a #b: c\n",
    "comment in brackets": "a: [b #c]\n",
    "twice in braces": "a: {b: 1, b: 2}\n",
    "wide blank": "a: |\n     \n  b\n",
    "tab in block": "a: |\n  \tb\n",
    "list": "- a\n",
    "documents": "---\na: b\n",
    "folded": "a: >\n  b\n",
    "two lines": "a: b\n  c\n",
    "tab": "a:\n\tb: c\n",
    "colon": "a: b: c\n",
    "open": "a: [b\n",
    "surrogate": 'a: "\\ud800"\n',
    "nothing": "# c\n",
    "deep": "".join(" " * i + "a:\n" for i in range(40)),
    "no end": "a: |\n  b",
}


@pytest.mark.parametrize("text", DOUBTFUL.values(), ids=DOUBTFUL.keys())
def test_in_doubt_it_says_nothing(text):
    assert flat.load(text) is None


NUMBERS = [1e16, 1e-7, -2.5e-300, float("inf"), float("-inf"), -0.0, 0, -5, 10**30]


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_stay_numbers(number):
    found = yaml.safe_load(flat.dump({"a": number}))["a"]
    assert (type(found), repr(found)) == (type(number), repr(number))


@pytest.mark.parametrize("key", ["x" * 1100, "# " * 600, "\n" * 600, "é: " * 400])
def test_long_keys_are_keys(key):
    data = {"a": 1, key: {key: "b\nc"}, "d": [{key: "e"}]}
    assert yaml.load(flat.dump(data), yaml.CSafeLoader) == yaml.safe_load(flat.dump(data)) == data


def test_lone_surrogates_do_not_stop_a_writer():
    assert yaml.safe_load(flat.dump({"a": "x\ud800y", "b": "\udfff\nz"})) == {"a": "x?y", "b": "?\nz"}


@pytest.mark.parametrize(
    ("text", "want"), [('"a\\nb"', "a\nb"), ("'it''s'", "it's"), ('"a" b', None), ("a", None), ("", None), ('"a', None)]
)
def test_quoted(text, want):
    assert quoted(text) == want


def test_it_imports_nothing():
    code = "import sys; old = set(sys.modules); import fsbus.core.flat as f; f.load('a: b\\n'); print(*(set(sys.modules) - old))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert {name for name in out.split() if not name.startswith("fsbus")} <= {"__future__"}
