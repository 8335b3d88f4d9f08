"""The forgiving reader: what people type, what careless tools write, and what hostile files hold."""
from __future__ import annotations

from dataclasses import fields
from datetime import timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsbus.core import flat, plainlines
from fsbus.core.fields import FIELDS, nearest
from fsbus.core.refusal import Refusal
from fsbus.core.task import MAX_BYTES, Task, extension, read
from tests.core.test_flat import LINES, PIECES
from tests.core.test_gate import BOMBS

OFTEN = settings(max_examples=300, deadline=None)
PLUS2 = timezone(timedelta(hours=2))
KEY = "20261122-021455123-m2x9rt"


def given_of(task: Task | Refusal) -> dict[str, object]:
    """What the task holds beside its defaults and notes."""
    assert isinstance(task, Task), task.sentence()
    held = {field.name: getattr(task, field.name) for field in fields(Task)}
    return {
        name: value for name, value in held.items() if name != "notes" and value is not False and value not in (None, "", (), {})
    }


def assert_read_the_same_the_long_way(raw: bytes) -> None:
    if plainlines.read(raw) is not None:
        quick = read(raw, "yaml", PLUS2)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(plainlines, "MOST", 0)
            assert read(raw, "yaml", PLUS2) == quick


BLOCK = st.builds(
    lambda head, lines: "\n".join((head, *lines)),
    st.sampled_from(["|", "|-", "|+", ">", "|2", "| ", ""]),
    st.lists(st.sampled_from(["  do it", "  a: b", "    deep", "  #x", "  z ", "", " ", "   ", "\tz"]), max_size=4),
)
WORDS = st.sampled_from(["echo", "a-b", "A b", "no", "~", "a: b", "x #y", "|", "'q'", "9:30", " a", "do it\n\n  a: b\n# c"])
VALUE = st.one_of(WORDS, st.text(), BLOCK)


@OFTEN
@given(
    st.tuples(
        st.one_of(st.just("do it"), BLOCK, VALUE),
        st.lists(st.tuples(st.sampled_from(["task", "title", "to", "type", "reply_to", "due", "note"]), VALUE), max_size=3),
    ).flatmap(lambda drawn: st.permutations([("task", drawn[0]), *drawn[1]])),
    st.sampled_from(["", "\n", "\n\n", " \n", "\r\n"]),
)
def test_what_is_read_as_plain_lines_is_read_the_same_the_long_way(fields_: list[tuple[str, str]], end: str) -> None:
    for data in ("\n".join(f"{k}: {v}" for k, v in fields_) + end, flat.dump(dict(fields_))):
        assert_read_the_same_the_long_way(data.encode("utf-8", "replace"))


@pytest.mark.parametrize(
    "block",
    ["|\n    deep\n  less", "|\n  a\n", "|-\n  a\n\n", "|\n\n  a", "|\n", "|\n  a\n b", "|\n  a\nb", "|\na", "|\n  a\x07"],
)
def test_a_block_in_which_there_is_something_to_decide_is_left_to_the_long_way(block: str) -> None:
    for rest in ("", "\nto: echo"):
        assert_read_the_same_the_long_way(f"task: {block}{rest}\n".encode())


@pytest.mark.parametrize("text", ["Bump the deps, run the tests", "Bump the deps\n\n  a: b\n# c", "Bump the deps\n"])
def test_what_submit_writes_is_read_as_plain_lines(text: str) -> None:
    fields_ = {"task": text, "to": "code"}
    assert plainlines.read(flat.dump(dict(fields_)).encode()) == fields_


def refused(data: str | bytes, ext: str = "yaml") -> Refusal:
    found = read(data.encode() if isinstance(data, str) else data, ext, PLUS2)
    assert isinstance(found, Refusal), found
    return found


# Every row of the table of YAML traps (facts/packages-and-conventions.md): typed -> understood.
TRAPS = {
    "hash": ("task: fix issue #42 today", {"text": "fix issue #42 today"}),
    "colon": ("task: Fix bug: login fails", {"text": "Fix bug: login fails"}),
    "anchor": ("task: &x do it", {"text": "&x do it"}),
    "tag": ("task: !important x", {"text": "!important x"}),
    "second line": ("task: fix it\nand that: too\nto: code", {"text": "fix it\nand that: too", "to": "code"}),
    "many lines": (
        "task: fix it\n  and that\n    - deep\n\n  end\nto: code",
        {"text": "fix it\nand that\n  - deep\n\nend", "to": "code"},
    ),
    "unindented block": ("task: |\nfix it\nand that\nto: code", {"text": "fix it\nand that", "to": "code"}),
    "half a block": ("task: |\n  fix it\nand that\nto: code", {"text": "  fix it\nand that", "to": "code"}),
    "below": ("task:\n  fix it\n  to: the letter\nto: code", {"text": "fix it\nto: the letter", "to": "code"}),
    "norway": ("to: no\ntype: on\ntask: x", {"text": "x", "to": "no", "type": "on"}),
    "time": ("task: x\ninput: {at: 9:30, ports: '22:22'}", {"text": "x", "input": {"at": "9:30", "ports": "22:22"}}),
    "numbers": (
        "task: x\ninput:\n  mode: 0755\n  version: 3.10\n  id: 1_000",
        {"text": "x", "input": {"mode": "0755", "version": "3.10", "id": "1_000"}},
    ),
    "date": ("task: x\ndue: 2026-11-22", {"text": "x", "due": 1795305600.0 - 7200}),
    "date in Z": ("task: x\nnot_before: 2026-11-22T00:00:00Z", {"text": "x", "not_before": 1795305600.0}),
    "emoji as JSON writes them": (
        'task: x\ninput: {"a":\n  ["\\ud83c\\udf89", 1]}', {"text": "x", "input": {"a": ["\N{PARTY POPPER}", 1]}},
    ),
    "tabs": ("input:\n\t- a\n\t- b\ntask: x", {"text": "x", "input": ["a", "b"]}),
    "tabs in text": ("task: |\n\tfix it\n\t\tnow\n", {"text": "fix it\n  now\n"}),
    "crlf and bom": ("\ufefftask: a\r\nto: code\r\n", {"text": "a", "to": "code"}),
    "emoji": ("task: “fix” it 🎉", {"text": "“fix” it 🎉"}),
    "fenced": ("---\npriority: 2\n---\nDo it\n", {"text": "Do it", "priority": 2}),
    "open": ("---\ntask: do it\nto: code\n", {"text": "do it", "to": "code"}),
    "quoted": ('task: "a\\nb"', {"text": "a\nb"}),
    "half quoted": ('task: "Fix" the', {"text": '"Fix" the'}),
    "two quotes": ('task: "a" and "b"', {"text": '"a" and "b"'}),
    "quotes over lines": ("task: 'a\n  b'\nto: code", {"text": "a b", "to": "code"}),
    "json escapes": ('task: "\\ud83d\\ude00 hi"', {"text": "😀 hi"}),
    "folded": ("task: >\n  a\n  b\n\n  c\nto: code", {"text": "a b\nc\n", "to": "code"}),
    "quote sign": ("task: > 5 of them", {"text": "> 5 of them"}),
    "after": (f"task: x\nafter:\n- {KEY}\n- m2x\n", {"text": "x", "after": (KEY, "m2x")}),
    "after in one line": ("task: x\nafter: m2x9rt, abc 234", {"text": "x", "after": ("m2x9rt", "abc", "234")}),
    "comments": ("# for later\n\nto: code # the coder\n# and\ntask: x", {"text": "x", "to": "code"}),
    "nothing given": ("to:\ntype: null\ndue: ~\nafter: []\ntask: x", {"text": "x"}),
    "nothing given either": ("after: ~\nexpect: {}\ntitle:\ntask: x", {"text": "x"}),
    "words": (
        "urgent: Yes\ntimeout: 1h30m\ntries: 3\npriority: 0\ntask: x",
        {"text": "x", "urgent": True, "timeout": 5400.0, "tries": 3, "priority": 0},
    ),
    "schema": ("task: x\nexpect:\n  type: array\n  minItems: 2", {"text": "x", "expect": {"type": "array", "minItems": 2}}),
    "file": ("task: x\nexpect: 0755", {"text": "x", "expect": "0755"}),
    "title": ("title: Fix #42: now\ntask: x\n", {"text": "x", "title": "Fix #42: now"}),
    "no block": ("task: |ab\nto: code", {"text": "|ab", "to": "code"}),
    "no block either": ("task: >-+-\nto: code", {"text": ">-+-", "to": "code"}),
    "a block with a comment": ("task: |  # words\n  fix it\n# for later\nto: code", {"text": "fix it\n", "to": "code"}),
    "a block and a key": ("task: |\n  fix it\n# whose\nowner: me", {"text": "fix it\n", "extra": {"owner": "me"}}),
    "quotes and a key": ("task: 'fix it'\n\nowner: me", {"text": "fix it", "extra": {"owner": "me"}}),
    "no blank, no key": ("task: see\nto:code", {"text": "see\nto:code"}),
    "unknown": ("to: code\nprioritty: 3\ntask: x", {"text": "x", "to": "code", "extra": {"prioritty": "3"}}),
}


@pytest.mark.parametrize(("typed", "understood"), TRAPS.values(), ids=TRAPS.keys())
def test_traps(typed, understood):
    assert given_of(read(typed.encode(), "yaml", PLUS2)) == understood


WHOLE = [
    "Fix the login bug: it fails",
    "@alice look",
    "`ls` is slow",
    "%s in logs",
    "*important* x",
    "[urgent] fix",
    "{name} x",
    "> quoted",
    "- a\n- b",
    '"Fix" the',
    "- [ ] a\n- [ ] b",
    '{"task": "x"}',
    "Task: x",
    "note: x",
    "tow: code\ntask: x",
    "a\n---\nb",
]


@pytest.mark.parametrize("text", WHOLE)
@pytest.mark.parametrize("ext", ["yaml", "md", "txt", "", "json"])
def test_an_unknown_shape_is_text_and_says_so(text, ext):
    task = read(text.encode(), ext)
    assert given_of(task) == {"text": text}
    assert isinstance(task, Task)
    assert bool(task.notes) == (ext in ("yaml", "json"))


# Front matter with a slip in it: typed -> understood, and what the note says.
SLIPS = {
    "first key unknown": ("prioity: 3\ntype: a", {"type": "a", "extra": {"prioity": "3"}}, "did you mean 'priority'?"),
    "last key known": ("a: 1\n\n# x\nb:\n  c: 2\nto: x", {"to": "x", "extra": {"a": "1", "b": {"c": "2"}}}, "line 2: unknown"),
    "tab": ("\ttimeout: 5m", {"timeout": 300.0}, "line 2: the indentation"),
    "blanks": ("  timeout: 5m\n  to: code", {"timeout": 300.0, "to": "code"}, "line 2: the indentation"),
    "tab and blanks": ("\ttimeout: 5m\n  to: code", {"timeout": 300.0, "to": "code"}, "line 2: tabs"),
    "indented, deeper below": ("  input:\n    a: x\n  to: code", {"input": {"a": "x"}, "to": "code"}, "line 2: the indentation"),
    "indented and unknown": ("  tow: a\n  to: code", {"to": "code", "extra": {"tow": "a"}}, "did you mean 'to'?"),
}  # fmt: skip


@pytest.mark.parametrize(("typed", "understood", "says"), SLIPS.values(), ids=SLIPS.keys())
@pytest.mark.parametrize("ext", ["md", "txt", "yaml", ""])
def test_front_matter_with_a_slip_is_front_matter_and_says_so(typed, understood, says, ext):
    task = read(f"---\n{typed}\n---\nbody".encode(), ext, PLUS2)
    assert given_of(task) == {"text": "body", **understood}
    assert isinstance(task, Task)
    assert says in "\n".join(task.notes)


LIKE_FRONT_MATTER = {
    "nothing known": ("---\nfoo: bar\n---\nx", "none of its keys is known"),
    "mistyped": ("---\nprioity: 3\nfoo:\n  - a\n---\nx", "for 'prioity', did you mean 'priority'?"),
    "not closed": ("---\nprioity: 3\ntype: a\n\nx", "no line `---` ends it"),
    "words before": ("---\nsome words\ntype: a\n---\nx", "line 2 is no `key: value`"),
}


@pytest.mark.parametrize(("text", "says"), LIKE_FRONT_MATTER.values(), ids=LIKE_FRONT_MATTER.keys())
@pytest.mark.parametrize("ext", ["md", "txt", "yaml", "", "json"])
def test_what_only_looks_like_front_matter_is_text_and_says_so(text, says, ext):
    task = read(text.encode(), ext)
    assert given_of(task) == {"text": text}
    assert isinstance(task, Task)
    assert says in "\n".join(task.notes)


RULES = [
    "---\nA rule, then text", "---\n\nA rule: then text\nand more\n---\nand more", "---\n# Head\n---\nx", "---\nNote: all of it",
    "---\nsee http://x.org\n---\nx", "---\nNote: one\n\nSome words.\n\n---\nx", "---\n---\nx", "---\n    code\n---\nx",
    "---\n- a\n- b\n---\nx",
]  # fmt: skip


@pytest.mark.parametrize("text", RULES)
@pytest.mark.parametrize("ext", ["md", "txt"])
def test_a_text_below_a_rule_is_text_without_a_word(text, ext):
    task = read(text.encode(), ext)
    assert task == Task(text)


def test_a_line_that_is_out_of_line_is_refused_and_not_swallowed():
    assert "line 2: this line belongs to no key" in refused("---\n  prioity: 3\ntype: a\n---\nx", "md").sentence()


@pytest.mark.parametrize("ext", ["md", "txt", "MD", ".markdown"])
def test_markdown_is_text_with_front_matter(ext):
    assert given_of(read(b"task: x", ext)) == {"text": "task: x"}
    assert given_of(read(b"# Head\n\n    code\n\n", ext)) == {"text": "# Head\n\n    code"}
    assert given_of(read(b"---\nto: code\ntask: First this\n---\n\nThen that\n---\nand that\n", ext)) == {
        "text": "First this\n\nThen that\n---\nand that",
        "to": "code",
    }
    assert given_of(read(b"---\n\nA rule, then text\n---\n", ext)) == {"text": "---\n\nA rule, then text\n---"}


REFUSED = {
    "timeout": ("task: x\ntimeout: 9:30", 2, "write 9m30s"),
    "twice": ("to: a\ntask: x\nto: b", 3, "lines 1 and 3"),
    "anchor": ("task: x\nto: &a b", 2, "anchor"),
    "alias": ("task: x\nto: *a", 2, "alias"),
    "tag": ("task: x\ninput:\n  a: !!python/x y", 3, "tag"),
    "inner twice": ("task: x\ninput:\n  a: 1\n  a: 2", 4, "lines 3 and 4"),
    "merge": ("task: x\ninput: {<<: {a: b}}", 2, "merge"),
    "priority": ("priority: high\ntask: x", 1, "one digit"),
    "tries": ("tries: 100\ntask: x", 1, "1 to 99"),
    "urgent": ("urgent: maybe\ntask: x", 1, "nor no"),
    "name": ("to: Code_Bot\ntask: x", 1, "'code-bot'"),
    "key": ("after: [m2x9rt, lil]\ntask: x", 1, "'lil'"),
    "date": ("due: 2026-02-30\ntask: x", 1, "2026-02-30"),
    "expect": ("expect: ../x\ntask: x", 1, "outside"),
    "zero": ("timeout: 0\ntask: x", 1, "at once"),
    "stray": ("to: code\nPlease fix it", 2, "belongs to no key"),
    "verify": ("verify: make test\ntask: x", 1, "'make-test'"),
    "escape": ('to: x\ntask: "\\x1b[31m"', 2, "U+001B"),
    "no list": ("after: {a: b}\ntask: x", 1, "list of keys"),
    "at": ("to: @bob\ntask: x", 1, "quotes"),
    "negative": ("timeout: -5m\ntask: x", 1, "negative"),
    "priority of two digits": ("priority: 12\ntask: x", 1, "one digit"),
    "no tries": ("tries: 0\ntask: x", 1, "1 to 99"),
    "tries in words": ("tries: two\ntask: x", 1, "1 to 99"),
    "tries in another script": ("tries: ٣\ntask: x", 1, "1 to 99"),
    "a list for a word": ("type: [a, b]\ntask: x", 1, "one line"),
    "no name at all": ("to: a/b\ntask: x", 1, "a-z"),
    "too little of a key": ("after: m2\ntask: x", 1, "'m2'"),
    "too much of a key": ("after: m2x9rtm\ntask: x", 1, "'m2x9rtm'"),
    "lists in a list": ("after: [[m2x9rt]]\ntask: x", 1, "list of keys"),
    "expect, elsewhere": ("expect: /etc/x\ntask: x", 1, "outside"),
    "expect, no schema": ("expect: {type: moon}\ntask: x", 1, "expect: "),
    "a long one": (f"priority: {'x' * 99}\ntask: x", 1, f"'{'x' * 39}…'"),
}


@pytest.mark.parametrize(("typed", "line", "says"), REFUSED.values(), ids=REFUSED.keys())
def test_refused_with_its_line_and_the_fix(typed, line, says):
    found = refused(typed)
    assert found.line == line
    assert says in found.sentence()
    fenced = refused(f"---\n{typed}\n---\nbody", "md")
    assert fenced.line == line + 1


UNREADABLE = {
    "empty": (b"", "nothing to do"),
    "blank": (b" \n\t\n", "nothing to do"),
    "comments": (b"# later\n", "nothing to do"),
    "no text": (b"to: code\n", "nothing to do"),
    "rule": (b"---\n", "nothing to do"),
    "utf-16": ("x".encode("utf-16"), "UTF-8"),
    "nul": (b"a\0b", "UTF-8"),
    "latin": (b"a\nb\xe9", "line 2: this is not UTF-8"),
    "escape": (b"a\nb\x1b[31m", "line 2: there is a control character"),
    "nel": ("a\x85b".encode(), "control character"),
    "rich text": (b"{\\rtf1\\ansi\\ansicpg1252\\cocoartf2822\nBump the deps}", "Make Plain Text"),  # TextEdit's own kind
    "large": (b"a" * (MAX_BYTES + 1), "larger than 1 MiB"),
}


@pytest.mark.parametrize(("data", "says"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_unreadable(data, says):
    assert says in refused(data).sentence()


FRONT = "---\nto: code\npriority: 2\n---\nDo it\n"


@pytest.mark.parametrize("cut", range(1, FRONT.index("Do") - 1))
@pytest.mark.parametrize("ext", ["md", "txt", ""])
def test_a_torn_front_matter_never_starts_half_a_task(cut, ext):
    found = read(FRONT[:cut].encode(), ext)
    assert isinstance(found, Refusal) or cut <= 2  # one or two dashes are nobody's front matter


def test_line_ends_are_one_kind():
    assert given_of(read(b"a\r\nb\rc\r\n", "txt")) == {"text": "a\nb\nc"}
    assert given_of(read(b'task: "a\\r\\nb"', "yaml")) == {"text": "a\nb"}


def test_two_dashes_are_no_task():
    assert "nothing to do" in refused("--", "md").what


def test_mistyped_keys_are_named():
    task = read(b"to: code\nprioritty: 3\nfoo: 1\ntask: x\ntimout: 5m\n", "yaml")
    assert isinstance(task, Task)
    assert task.extra == {"prioritty": "3", "foo": "1"}
    assert task.notes == (
        "line 2: unknown key 'prioritty', did you mean 'priority'? kept, not used",
        "line 3: unknown key 'foo'; kept, not used",
        "line 5: 'timout' was read as text, did you mean 'timeout'?",
    )
    assert task.text == "x\ntimout: 5m"


def test_repairs_are_noted():
    task = read(b"title: a\n  b\ninput:\n\t- a\ntask: x\n", "yaml")
    assert isinstance(task, Task)
    assert task.title == "a b"
    assert len(task.notes) == 2


KINDS = [
    (b"x", "MD", "md"),
    (b"x", "markdown", "md"),
    (b"x", "text", "txt"),
    (b"x", ".YML", "yaml"),
    (b"x", "", "txt"),
    (b"task: x", "", "yaml"),
    (FRONT.encode(), "", "md"),
    (b"task: x", "org", "yaml"),
    (b"\xff", "", "txt"),
    (b"---\nto: x", "", "txt"),
    (b'{"task": "x"}', "json", "txt"),
]


@pytest.mark.parametrize(("data", "ext", "kind"), KINDS)
def test_extension(data, ext, kind):
    assert extension(data, ext) == kind


def test_nearest():
    assert nearest("prioritty", FIELDS) == "priority"
    assert nearest("banana", FIELDS) is None


human = st.one_of(
    st.lists(st.sampled_from([*PIECES, "task: ", "to: ", "\nto: code\n", "\n---\n", "|\n"]), max_size=8).map("".join),
    st.text(st.characters(exclude_categories=["Cs"])),
).map(lambda text: "".join(c for c in text if c == "\n" or c == "\t" or not (ord(c) < 32 or 127 <= ord(c) < 160)))
names = st.from_regex(r"[a-z0-9][a-z0-9-]{0,63}", fullmatch=True).filter(lambda name: name != "null")


@settings(max_examples=500, deadline=None)
@given(
    human.filter(lambda text: text.strip()),
    st.fixed_dictionaries({}, optional={"to": names, "type": names, "priority": st.integers(0, 9)}),
    st.booleans(),
)
def test_what_submit_writes_is_read_back_for_any_text(text, more, first):
    held = {"task": text, **more} if first else {**more, "task": text}
    task = read(flat.dump(held).encode(), "yaml")
    assert given_of(task) == {"text": text, **more}
    assert isinstance(task, Task)


PROSE = st.lists(
    st.sampled_from(
        ["fix #42", "Note: this", "- a", "  deep", "# Head", "", "`x`", "\tmake", "a: b", "'x", '"y"', "| z", "[ ] q"]
    ),
    min_size=1,
    max_size=6,
)


@OFTEN
@given(PROSE, st.sampled_from(["md", "txt"]))
def test_markdown_keeps_every_line(lines, ext):
    task = read("\n".join(lines).encode(), ext)
    assert isinstance(task, Refusal) or task.text.split("\n") == _inner(lines)


@OFTEN
@given(PROSE)
def test_a_text_key_loses_no_word(lines):
    task = read(f"to: code\ntask: go {chr(10).join(lines)}\npriority: 3".encode(), "yaml")
    assert isinstance(task, Task)
    assert task.text.split() == ["go", *" ".join(lines).split()]
    assert (task.to, task.priority) == ("code", 3)


def _inner(lines: list[str]) -> list[str]:
    while lines and not lines[-1]:
        lines = lines[:-1]
    while lines and not lines[0]:
        lines = lines[1:]
    return lines


SEEDS = [text.encode() for text, _ in TRAPS.values()] + [
    FRONT.encode(),
    flat.dump({"task": "a\n b\n", "to": "code", "input": {"a": [1]}}).encode(),
]
exts = st.sampled_from(["yaml", "md", "txt", "", "json", "YML", "odd"])
patches = st.one_of(st.binary(max_size=4), st.sampled_from([piece.encode() for piece in PIECES]))


@OFTEN
@given(st.binary() | st.lists(LINES).map(lambda lines: "\n".join(lines).encode()), exts)
def test_total_on_any_bytes(data, ext):
    assert isinstance(read(data, ext), (Task, Refusal))
    assert extension(data, ext) in ("md", "txt", "yaml")


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(SEEDS), st.lists(st.tuples(st.integers(0, 200), st.integers(0, 3), patches), max_size=4), exts)
def test_total_on_damaged_files(data, edits, ext):
    for at, cut, patch in edits:
        data = data[:at] + patch + data[at + cut :]
    found = read(data, ext)
    assert isinstance(found, (Task, Refusal))
    assert isinstance(found, Task) or (found.sentence() and "\n" not in found.sentence())


WORST = {
    f"input {name}": f"to: code\ninput: {text}" for name, text in BOMBS.items() if "\0" not in text and "\ud800" not in text
} | {
    "keys": "to: x\n" + "".join(f"k{i}: v\n" for i in range(90_000)),
    "near keys": "task: a\n" + "tow: b\n" * 140_000,
    "tabs": "task: a\n" + "\t" * 500_000 + "x\n\tb",
    "blanks": "task: a\n" + " " * 500_000 + "x\n" + " " * 400_000 + "y",
    "after": "task: x\nafter:\n" + "- m2x9rt\n" * 110_000,
    "quotes": "task: 'a\n" + "'\n" * 400_000,
    "title": "title: a\n" + "b\n" * 400_000 + "task: x",
    "block": "task: |\n" + "  \n" * 300_000,
    "returns": "\r" * 1_000_000,
    "unknown front matter": "---\n" + "fooo: b\n" * 120_000 + "---\nx",
    "indented front matter": "---\n" + "\t \tfooo: b\n" * 90_000 + "\t \tto: b\n---\nx",
    "rules": "---\ntask: x\n" + "--- \n" * 200_000,
}


@pytest.mark.timeout(30)  # a hang, not a speed: what is not linear here takes minutes
@pytest.mark.parametrize("text", WORST.values(), ids=WORST.keys())
def test_the_worst_megabyte_is_bounded(text):
    assert read(text[:MAX_BYTES].encode(), "yaml") is not None
