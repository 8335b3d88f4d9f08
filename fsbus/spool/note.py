"""Adoption in `urgent/`: a file that somebody dropped there is a note from the human (DESIGN section 4).

From the human whatever its text says: the sender of a file is who the tree says. The content is not changed.
"""
from __future__ import annotations

from fsbus.core import message as words
from fsbus.core import names, policy, shape
from fsbus.core.refusal import Refusal
from fsbus.core.task import extension
from fsbus.spool import channel
from fsbus.spool.adopt import Adopter, Taken
from fsbus.spool.sender import heard


class NoteAdopter(Adopter):
    """Adoption for one agent's `urgent/`."""

    channel, what = "urgent", "message"
    then = "mv FILE"

    def _present(self, key: str) -> list[str]:
        folders = (self._folder, f"{self._folder}/read")
        return [f"{folder}/{name}" for folder in folders for name in channel.messages(folder) if name.key == key]

    def _full_name(self, data: bytes, key: str, suffix: str) -> Taken | Refusal:
        if len(data) > words.MAX_BYTES:
            what = f"a message may have {words.MAX_BYTES} bytes, this has {len(data)}"
            return Refusal(None, what, "drop it into an inbox, as a task")
        text = shape.clean(data)
        if isinstance(text, Refusal):
            return text
        if not text.strip():
            return Refusal(None, "there is no text in this file", "write what the agent shall know")
        if not heard(self._tree, policy.HUMAN, self._agent):
            home = self._tree.home(policy.HUMAN)
            what = f"a note that is dropped is from human, who lives on {home}: from here {self._agent} does not hear it"
            return Refusal(None, what, f"drop it on {home}")
        return Taken(str(names.MessageName(key, "note", policy.HUMAN, "new", extension(data, suffix))), (), False)

    def _taken(self, key: str, drop: str, full: Taken) -> None:  # noqa: ARG002
        by = f"adopt:{self._agent}"
        self._journal.record(by, key, "stored", f"note for {self._agent}, dropped by hand", agent=self._agent, drop=drop)
