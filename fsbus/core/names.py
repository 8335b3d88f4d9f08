"""The names of tasks and messages: made here, read here, nowhere else (DESIGN section 4).

    5-20261122-021455123-m2x9rt-bump-deps.a1.queued.md
    20261122-021455123-m2x9rt-cancel.from-human.new.yaml

Both parsers are total: a foreign name is None, never an exception. Both directions are strict, so that whatever
was made here can be read on every host, and nothing else is taken for it. No imports beyond the light ones: every
command pays for this module.
"""
from __future__ import annotations

import time
from collections import namedtuple

from fsbus.core.states import MESSAGE_STATES, MESSAGE_TYPES, RANK

ID_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"  # no i l o u: read aloud at 3am, they are 1 1 0 v
ID_LENGTH = 6
KEY_LENGTH = 25  # 8 date + 9 time + 6 id + 2 dashes
SLUG_LENGTH = 32
EXTENSIONS = ("md", "txt", "yaml")
DEFAULT_PRIORITY = 5
MAX_ATTEMPT = 9999  # a bound for the parser; policy stops far earlier

DATES_MOST = 1000  # that are remembered: the names of a bus are of a few days

_DATES: set[str] = set()  # found to be dates
_second = (-1, "")  # the last one that a key was made in, as it is written
_SLUG = "0123456789abcdefghijklmnopqrstuvwxyz-"
_BLANKED = {code: " " for code in range(128) if chr(code) not in _SLUG or chr(code) == "-"} | {ord("'"): ""}


class TaskName(namedtuple("TaskName", "priority key slug attempt state ext")):
    """One task file's name.

    priority: 0 first to 9 whenever; key: date-time-id, the identity for ever; slug: first words, for people;
    attempt: from 1, the fencing token; state: queued, acked, running, done or failed; ext: md, txt or yaml.
    """

    __slots__ = ()

    @property
    def stem(self) -> str:
        """Everything before `.a<N>`."""
        return f"{self.priority}-{self.key}-{self.slug}"

    @property
    def run(self) -> str:
        """`<stem>.a<N>`: names the case folder, and what lies beside an ended task."""
        priority, key, slug, attempt, _, _ = self
        return f"{priority}-{key}-{slug}.a{attempt}"

    def __str__(self) -> str:
        priority, key, slug, attempt, state, ext = self
        return f"{priority}-{key}-{slug}.a{attempt}.{state}.{ext}"

    def to(self, state: str) -> TaskName:
        """The same attempt in another state."""
        priority, key, slug, attempt, _, ext = self
        return TaskName(priority, key, slug, attempt, state, ext)


class MessageName(namedtuple("MessageName", "key type sender state ext")):
    """One message file's name.

    key: date-time-id; type: one of MESSAGE_TYPES; sender: the agent it came from; state: new, read, acked or
    expired; ext: md, txt or yaml.
    """

    __slots__ = ()

    def __str__(self) -> str:
        return f"{self.key}-{self.type}.from-{self.sender}.{self.state}.{self.ext}"

    def to(self, state: str) -> MessageName:
        """The same message in another state."""
        key, kind, sender, _, ext = self
        return MessageName(key, kind, sender, state, ext)


def parse_task(name: str) -> TaskName | None:
    """The parts of a task file's name, or None if it is not one."""
    parts = name.split(".")
    if len(parts) != 4 or len(name) > 100:
        return None
    stem, attempt, state, ext = parts
    key, slug = stem[2:27], stem[28:]
    ok = (
        state in RANK
        and ext in EXTENSIONS
        and stem[:1] in "0123456789"
        and stem[1:2] == "-" == stem[27:28]
        and is_key(key)
        and is_slug(slug)
        and (attempt == "a1" or (attempt[:1] == "a" and _is_count(attempt[1:])))
    )
    return TaskName(int(stem[0]), key, slug, int(attempt[1:]), state, ext) if ok else None


def parse_message(name: str) -> MessageName | None:
    """The parts of a message file's name, or None if it is not one."""
    parts = name.split(".")
    if len(parts) != 4 or len(name) > 160:
        return None
    head, sender, state, ext = parts
    key, kind = head[:KEY_LENGTH], head[KEY_LENGTH + 1 :]
    ok = (
        state in MESSAGE_STATES
        and ext in EXTENSIONS
        and kind in MESSAGE_TYPES
        and head[KEY_LENGTH : KEY_LENGTH + 1] == "-"
        and is_key(key)
        and sender[:5] == "from-"
        and is_agent(sender[5:])
    )
    return MessageName(key, kind, sender[5:], state, ext) if ok else None


def is_key(text: str) -> bool:
    """Whether this is a whole key: a real UTC date and time, and an id."""
    clock = text[9:18]
    return (
        len(text) == KEY_LENGTH
        and text[8] == "-" == text[18]
        and not text[19:].strip(ID_LETTERS)  # nothing is left: a third of the time of a set
        and (text[:8] in _DATES or _is_date(text[:8]))
        and clock.isdigit()
        and clock.isascii()
        and clock < "24"
        and clock[2] < "6" > clock[4]
    )


def is_slug(text: str) -> bool:
    """Whether this may stand as a slug."""
    return 1 <= len(text) <= SLUG_LENGTH and not text.strip(_SLUG)


def is_agent(text: str) -> bool:
    """Whether this may name an agent, a type, a check or a host: `[a-z0-9][a-z0-9-]{0,63}`."""
    return 1 <= len(text) <= 64 and not text.strip(_SLUG) and text[0] != "-"


def is_part_of_key(text: str) -> bool:
    """Whether a person may have meant a key by this: a whole one, or any run of its letters."""
    return 0 < len(text) <= KEY_LENGTH and not text.strip(_SLUG)


def new_key(ms: int, number: int) -> str:
    """The key for a moment (milliseconds since 1970, UTC) and a random number (30 bits of it are used)."""
    global _second
    seconds, milli = divmod(ms, 1000)
    if seconds != _second[0]:
        _second = (seconds, time.strftime("%Y%m%d-%H%M%S", time.gmtime(seconds)))
    letters = "".join([ID_LETTERS[(number >> shift) & 31] for shift in (25, 20, 15, 10, 5, 0)])
    return f"{_second[1]}{milli:03d}-{letters}"


def born(key: str) -> float:
    """When the key was made, in seconds since 1970."""
    day = _day(int(key[:4]), int(key[4:6]), int(key[6:8]))
    return day * 86400 + int(key[9:11]) * 3600 + int(key[11:13]) * 60 + int(key[13:15]) + int(key[15:18]) / 1000


def archive(key: str) -> str:
    """The folder of the day in a key, below the root, where its task or message lies in the end."""
    return f"archive/{key[:4]}-{key[4:6]}-{key[6:8]}"


def is_day(text: str) -> bool:
    """Whether this is a date as the folders of the archive and the files of the journal bear it."""
    return len(text) == 10 and text[4] == "-" == text[7] and _is_date(text[:4] + text[5:7] + text[8:])


def _day(year: int, month: int, day: int) -> int:
    """Days since 1970; by hand, since `strptime` would be a tenth of the way of an urgent message."""
    if month < 3:
        year -= 1  # years from March on: the leap day is the last one
    return 365 * year + year // 4 - year // 100 + year // 400 + (153 * ((month + 9) % 12) + 2) // 5 + day - 719469


def slug(text: str) -> str:
    """The first words of a text as a slug: a-z, 0-9 and dashes, whole words where they fit, never empty."""
    words: list[str] = []
    length = 0
    for word in _ascii(text[:160]).split():
        if words and length + len(word) > SLUG_LENGTH:
            break
        words.append(word)
        length += len(word) + 1
    return "-".join(words)[:SLUG_LENGTH].strip("-") or "task"


def _ascii(text: str) -> str:
    """Lower-case ASCII words, with accents taken off: what every file system, shell and Finder agrees on."""
    if not text.isascii():
        import unicodedata  # only for text that needs it

        text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return text.lower().translate(_BLANKED)


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and text[0] != "0" and int(text) <= MAX_ATTEMPT


def _is_date(text: str) -> bool:
    if not (text.isascii() and text.isdigit()):
        return False
    month, day = int(text[4:6]), int(text[6:8])
    ok = text >= "19700101" and 1 <= month <= 12 and 1 <= day <= _days(int(text[:4]), month)
    if ok and len(_DATES) < DATES_MOST:
        _DATES.add(text)
    return ok


def _days(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31
