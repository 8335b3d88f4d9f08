"""`fsbus completion`."""
from __future__ import annotations

from fsbus.core.errors import BadUsage
from fsbus.faces.cli import out

HELP = {"shell": "bash, zsh or fish"}
SHELLS = ("bash", "zsh", "fish")


def completion_(shell: str) -> int:
    """Print a completion script; nothing is written anywhere. In zsh it goes behind `compinit`.

    fsbus completion bash >> ~/.bashrc
    fsbus completion zsh >> ~/.zshrc
    fsbus completion fish > ~/.config/fish/completions/fsbus.fish
    """
    if shell not in SHELLS:
        raise BadUsage(f"there is no completion for {shell!r}", then=f"one of: {', '.join(SHELLS)}")
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    script = get_completion_script(prog_name="fsbus", complete_var="_FSBUS_COMPLETE", shell=shell)
    out.put(script + "\n")
    return 0
