"""The duty `pull:<agent>`: for an agent without a command, while nobody else is its worker.

Such an agent fetches its tasks itself (`fsbus task next`), or is served by a worker written in Python (`Bus.work`),
which has the duty `worker:<agent>`. While that one runs, this duty keeps still; else it adopts, acks, and watches
what was pulled, so that `queued` means the same for every agent.
"""
from __future__ import annotations

from fsbus.duties.duty import LOOK, Duty
from fsbus.duties.shop import Shop
from fsbus.duties.worker import Worker
from fsbus.spool import locks


class Attendant(Duty):
    """See the module."""

    def __init__(self, shop: Shop) -> None:
        self.shop: Shop = shop
        self.name = f"pull:{shop.agent.name}"
        self._worker: Worker | None = None  # None while somebody else is the worker

    def step(self) -> float:
        """As a worker without slots, unless another process is the worker."""
        if locks.holder(self.shop.tree, self.shop.by):
            self._worker = None
            return LOOK
        if self._worker is None:
            self._worker = Worker(self.shop)
            self._worker.start()
        look = self._worker.step()
        self.settling = self._worker.settling
        return look

    def close(self) -> None:
        """The last beat, if it is ours."""
        if self._worker is not None:
            self._worker.taken_over = self.taken_over
            self._worker.close()
