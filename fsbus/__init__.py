"""fsbus: a message bus and task queue made of directories. `Bus` is the one object that every face uses."""

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fsbus.bus import Bus as Bus

__all__ = ["Bus"]


def __getattr__(name: str) -> object:
    if name == "Bus":
        from fsbus.bus import Bus  # at the first use: `fsbus --version` needs none of it

        return Bus
    raise AttributeError(name)
