"""Service: what starts fsbus again after a reboot, or starts it by the clock: launchd, systemd or cron."""
from __future__ import annotations

from fsbus.core.service import TICKING
from fsbus.faces.cli import out
from fsbus.spool.tree import the_root  # also of a bus that is gone: its service may have to go, too

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fsbus.duties.service import Found

HELP = {
    "for": "launchd, launchd-tick, systemd or cron; default what this system has",
    "cron": "as --for cron: `fsbus tick` every five minutes, nothing stays running",
    "json": "as JSON",
}


def install_(*, for_: str = "", cron: bool = False) -> int:
    """Keep `fsbus up` running for this user, now and after every reboot; prints where that is written.

    fsbus service install
    fsbus --root ~/words service install --cron
    """
    from fsbus.bus import Bus
    from fsbus.duties import service

    found = service.install(Bus().tree.root, "cron" if cron else for_, out.talk)
    with out.Done("it is installed", "fsbus service show"):
        out.say(found.entry.file or found.entry.text)
    out.talk(_state(found))
    return 0


def show_(*, for_: str = "", cron: bool = False, json: bool = False) -> int:
    """The entry that is installed, or that would be, as it is written; on stderr whether it runs, and where it says what.

    fsbus service show
    fsbus service show --for launchd
    """
    from fsbus.duties import service

    every = service.show(the_root(), "cron" if cron else for_)
    found = every[0]
    text = found.there or found.entry.text
    if json:
        facts = {"kind": found.entry.kind, "name": found.entry.name, "file": found.entry.file, "installed": found.installed}
        out.as_json(facts | {"pid": found.pid, "trouble": found.trouble, "text": text})
        return 0
    out.show(text)
    for each in every:
        out.talk(_state(each))
    return 0


def remove_(*, for_: str = "", cron: bool = False) -> int:
    """Stop it and take away what `install` wrote, and nothing else; prints what was taken away.

    fsbus service remove
    """
    from fsbus.duties import service

    gone = service.remove(the_root(), "cron" if cron else for_)
    with out.Done("it is removed" if gone else "nothing was there", "fsbus service show"):
        for found in gone:
            out.say(found.entry.file or found.there)
    if not gone:
        out.talk("nothing of fsbus is installed for this bus")
    return 0


def _state(found: Found) -> str:
    """One line: is it there, does it run, where does it say what it does."""
    what = f"{found.entry.kind} {found.entry.file or 'crontab'}"
    if found.installed == "no" and not found.trouble:
        return f"{what}: not installed; fsbus service install --for {found.entry.kind}"
    if found.installed == "no":
        return f"{what}: {found.trouble}"
    runs = f", runs, pid {found.pid}" if found.pid else "" if found.entry.kind in TICKING else ", does not run now"
    if found.trouble:
        runs = f", cannot be asked: {found.trouble}"
    old = "; it is not what this fsbus would write: fsbus service install" if found.installed == "differs" else ""
    return f"{what}: installed{runs}{old}; what it says: {found.entry.says}"
