"""The states of a task and of a message, their order, and where each may lie (DESIGN sections 4, 7 and 8).

Plain strings, since the state IS the word in the file name; the order is the merge rule: of two names of one
(key, attempt) the one with the greater rank is true, everywhere, always.
"""
from __future__ import annotations

QUEUED = "queued"  # waiting to be seen by the worker; for 5 minutes means the worker is down
ACKED = "acked"  # the home host's worker has received it
RUNNING = "running"  # the command was started
FAILED = "failed"  # ended without the thing that was asked for; the result says why
DONE = "done"  # passed the adapter's success test, and `verify` and `expect` where given

INBOX_STATES = (QUEUED, ACKED, RUNNING)
OUTBOX_STATES = (FAILED, DONE)
RANK = {state: rank for rank, state in enumerate((*INBOX_STATES, *OUTBOX_STATES))}
COLLECTED = 20  # added to the rank of a name in dispatch's outbox: what dispatch's home alone does

NEW = "new"  # stored, shown to nobody yet
READ = "read"  # put before the reader
ACK = "acked"  # the reader said so
EXPIRED = "expired"  # older than its time to live and never read
MESSAGE_STATES = (NEW, READ, ACK, EXPIRED)

MESSAGE_TYPES = (
    "assign",  # start this task now, in the slot reserved for it
    "status",  # something changed; for information
    "alert",  # somebody must look
    "result",  # a task ended
    "cancel",  # stop this task, or never start it
    "pause",  # start nothing new
    "resume",  # start again
    "question",  # wants an answer
    "answer",  # to a question
    "note",  # anything else, and every drop
)


def rank(state: str, collected: bool = False) -> int:
    """How far a task of this state is; `collected` means that it lies in dispatch's outbox."""
    return RANK[state] + (COLLECTED if collected else 0)
