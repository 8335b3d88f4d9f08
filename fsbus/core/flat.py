"""Our own small YAML subset, for speed: importing yaml costs 30 ms, this costs next to nothing.

`dump` writes YAML that reads well in `cat` and that every YAML reader takes for the same data: multi-line text as
literal blocks, a scalar without quotes only where no reader could mistake it, nothing folded. Lone surrogates, which
no UTF-8 file can hold, become `?`.
`load` reads the subset that `dump` and careful people write: every scalar as the text it is, exactly as PyYAML's
BaseLoader. Whatever it is not sure of is None: ask `gate`, which owns PyYAML and the sentences of refusal.
No imports at all, so that a cold `submit` stays cold; the reading half is `flatread`.
"""
from __future__ import annotations

_UNWRITABLE = frozenset(map(chr, [*range(9), *range(11, 32), *range(127, 160), 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF]))
_ESCAPES = {ord(c): f"\\x{ord(c):02x}" if c <= "\xff" else f"\\u{ord(c):04x}" for c in _UNWRITABLE}
_ESCAPES |= {ord("\n"): "\\n", ord("\t"): "\\t", ord("\r"): "\\r", ord('"'): '\\"', ord("\\"): "\\\\"}
_HEADS: dict[str, str] = {}  # what `_head` made lately
HEADS_MOST = 500  # strangers choose keys, too
WORDS = frozenset(("null", "true", "false", "yes", "no", "on", "off", "y", "n"))  # some reader makes them more than text


def dump(mapping: dict[str, object]) -> str:
    """The mapping as YAML, in its own order; how deep it nests is the caller's to bound."""
    out: list[str] = []
    _write_mapping(out, mapping, "", "")
    text = "\n".join(out) + "\n" if out else "{}\n"
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _write_mapping(out: list[str], mapping: dict[str, object], lead: str, pad: str) -> None:
    for name, value in mapping.items():
        head = lead + (_HEADS.get(name) or _head(name, pad))
        if value is None:
            out.append(head + " null")
        elif type(value) is str and "\n" not in value:
            out.append(f"{head} {value if is_wordlike(value) else _quoted(value)}")
        else:
            _write(out, head, value, pad)
        lead = pad


def _head(name: object, pad: str) -> str:
    """A key as it is written, and its colon; those of our own files are few and come again in each."""
    key = _scalar(str(name))
    if len(_HEADS) < HEADS_MOST and type(name) is str and len(key) < 40:
        _HEADS[name] = key + ":"
    return f"{key}:" if len(key) < 1000 else f"? {key}\n{pad}:"  # readers give up on longer plain keys


def _write(out: list[str], head: str, value: object, pad: str) -> None:
    """One entry whose head (`key:` or `-`) stands at this padding."""
    if isinstance(value, str):
        out.append(_literal(head, value, pad + "  ") if "\n" in value else f"{head} {_scalar(value)}")
    elif isinstance(value, dict) and value:
        inner = pad + "  "
        if head[-1] == "-":
            _write_mapping(out, value, head + " ", inner)
        else:
            out.append(head)
            _write_mapping(out, value, inner, inner)
    elif isinstance(value, (list, tuple)) and value:
        out.append(head)
        for item in value:
            _write(out, pad + "  -", item, pad + "  ")
    else:
        out.append(f"{head} {_bare(value)}")


def _bare(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float(repr(value))
    if isinstance(value, (dict, list, tuple)):
        return "{}" if isinstance(value, dict) else "[]"
    return str(value) if isinstance(value, int) else _scalar(str(value))


def _float(text: str) -> str:
    """YAML 1.1 knows an exponent only after a point."""
    if text in ("inf", "-inf", "nan"):
        return text.replace("inf", ".inf").replace("nan", ".nan")
    return text if "." in text else text.replace("e", ".0e")


def _literal(head: str, text: str, pad: str) -> str:
    if not text.strip(" \t\n") or not writable(text):
        return f"{head} {_double(text)}"
    hint = "2" if text[0] in " \t\n" else ""  # readers guess the indentation from the first line
    chomp = "-" if text[-1] != "\n" else "+" if text[-2] == "\n" else ""
    lines = (text[:-1] if text[-1] == "\n" else text).split("\n")
    return f"{head} |{hint}{chomp}\n" + "\n".join([pad + line if line else "" for line in lines])


def _scalar(text: str) -> str:
    """A string on one line: bare, else in quotes."""
    return text if is_wordlike(text) else _quoted(text)


def _quoted(text: str) -> str:
    """A string in the quotes that need the fewest escapes."""
    if "\n" in text or not writable(text) or ("'" in text and '"' not in text and "\\" not in text):
        return _double(text)
    return "'" + text.replace("'", "''") + "'"


def _double(text: str) -> str:
    return '"' + text.translate(_ESCAPES) + '"'


def writable(text: str) -> bool:
    """Whether every character may stand in a YAML file as it is and keeps its place there."""
    return text.replace("\n", "").replace("\t", "").isprintable() or _UNWRITABLE.isdisjoint(text)


def is_wordlike(text: str) -> bool:
    """Whether every YAML reader takes it, bare, for this very string."""
    if not text or not text.isprintable() or ": " in text or " #" in text or text[-1] in ": ":
        return False
    if text[0] in "0123456789":
        return _is_no_number(text)
    return (text[0].isalpha() or text[0] in "/_($" or text[:2] == "~/") and (len(text) > 5 or text.lower() not in WORDS)


def _is_no_number(text: str) -> bool:
    """Keys and `30s` are words; `1e3`, `0x1f`, `1_000`, `9:30`, `3.10` and dates are numbers or more to somebody."""
    rest = text.lstrip("0123456789")
    if rest[:1] == "-":
        return len(text) - len(rest) != 4
    return rest[:1] == " " or (rest[:1].isalpha() and rest[0] not in "eExXbBoO")


def load(text: str) -> dict[str, object] | None:
    """The mapping as BaseLoader would read it, or None: not in the subset, or not surely."""
    from fsbus.core.flatread import load as read  # who only writes does not pay for it

    return read(text)
