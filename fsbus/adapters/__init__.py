"""The kinds of agent programs that fsbus can start, one file each; the first that recognises a program is taken."""
from __future__ import annotations

import os

from fsbus.adapters.base import Adapter
from fsbus.adapters.plain import Plain
from fsbus.core.config import AgentConfig

ADAPTERS: tuple[Adapter, ...] = (Plain(),)  # `plain` stays last: it takes everything


def adapter_for(agent: AgentConfig) -> Adapter:
    """The adapter that the agent names, else the one that recognises its program. Raises KeyError for an unknown name."""
    if agent.adapter:
        return {adapter.name: adapter for adapter in ADAPTERS}[agent.adapter]
    program = os.path.basename(agent.run[0]) if agent.run else ""
    return next((adapter for adapter in ADAPTERS if adapter.guess(program)), ADAPTERS[-1])
