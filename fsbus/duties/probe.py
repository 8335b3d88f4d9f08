"""Running one command on another host over the way that the link itself takes, and what it printed."""
from __future__ import annotations

import time
from collections.abc import Callable

from fsbus.core.errors import FsbusError, Refused, Unreachable
from fsbus.core.probe import END, GREETING, Found, parse, script
from fsbus.link import ssh
from fsbus.link.limits import Limits

MOST = 1 << 18  # bytes of an answer that are read
QUICK = Limits(connect=6.0, handshake=6.0, login=8.0, channel=6.0, start=15.0, answer=20.0)  # for who waits at a terminal


def probe(destination: str, config: str, command: str, root: str, limits: Limits, doctor: bool = False) -> Found:
    """What that host says of itself. Raises Unreachable, Refused."""
    said, trouble = run(destination, config, script(command, root, doctor), limits)
    found = parse(said)
    if found is None:
        raise no_answer(destination, said, trouble)
    return found


def run(destination: str, config: str, line: str, limits: Limits, stdin: bytes = b"") -> tuple[str, str]:
    """What the command printed, and the last of its stderr. Raises Unreachable, Refused."""
    carrier = ssh.carry(destination, line, config=config, limits=limits)
    try:
        if stdin:
            carrier.write(stdin, limits.write)
        return _all(carrier.read, time.monotonic() + limits.start + limits.answer), carrier.said()
    except OSError as error:  # TimeoutError is one
        raise Unreachable(f"{destination} does not answer: {error or 'time is over'}", then=f"try: ssh {destination}") from None
    finally:
        carrier.close()


def _all(read: Callable[[float], bytes], end: float) -> str:
    said = b""
    while len(said) < MOST:
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        data = read(left)
        said += data
        if not data or END.encode() in said or GREETING.encode() in said:
            break
    return said.decode("utf-8", "replace")


def no_answer(destination: str, said: str, trouble: str) -> FsbusError:
    """What went wrong if a command did not say what it should."""
    last = ([*said.strip().splitlines()[-1:], *trouble.strip().splitlines()[-1:]] or ["it said nothing"])[-1][:300]
    if "ost key verification failed" in trouble:
        return Refused(f"the host key of {destination} is not known here, or another one", then=f"compare it: ssh {destination}")
    if last.startswith("fsbus: "):
        return Refused(
            f"the key is bound to a forced command there, which says: {last.removeprefix('fsbus: ')}",
            where=destination, then="mend that over there, or pair with another key",
        )  # fmt: skip
    return Unreachable(f"{destination} runs no command for us: {last}", then=f"try: ssh {destination} true")
