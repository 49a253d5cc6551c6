"""Names in a config become objects: one registry for each layer of the program."""

from collections.abc import Callable
from difflib import get_close_matches
from inspect import signature
from typing import Any


class Registry:
    """Maps the name of a class or function to it, and builds objects from dicts that name it under "type"."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.entries: dict[str, Callable] = {}

    def register(self, entry: Callable, name: str | None = None) -> Callable:
        """Adds `entry` under `name`, its own unless given; a name taken twice is an error.

        Works as a bare decorator: `@MODELS.register`.
        """
        name = name or entry.__name__
        if name in self.entries:
            raise ValueError(f"{self.kind} {name!r} is registered twice: {self.entries[name]} and {entry}")
        self.entries[name] = entry
        return entry

    def get(self, name: str) -> Callable:
        """Returns the entry called `name`; a ValueError lists the names close to it, or all of them."""
        if name not in self.entries:
            close = get_close_matches(str(name), self.entries) or sorted(self.entries)
            raise ValueError(f"there is no {self.kind} {name!r}; did you mean {' or '.join(map(repr, close))}?")
        return self.entries[name]

    def build(self, config: dict[str, Any], **runtime: Any) -> Any:
        """Calls the entry named by config["type"] with the other keys as arguments.

        Dicts with a "type" inside `config`, in lists too, are built first by the same registry, so a class takes
        objects and never sees a config. `runtime` adds what no config can say, such as an optimizer's parameters.
        A key that the entry does not take, one that it misses, or a value that it cannot use is a ValueError that names
        the type.
        """
        if not isinstance(config, dict) or "type" not in config:
            raise ValueError(f"{self.kind}: {config!r} is no dict with a 'type'; name one")
        arguments = {key: self._build_nested(value) for key, value in config.items() if key != "type"}
        entry = self.get(config["type"])
        try:
            signature(entry).bind(**arguments, **runtime)
        except TypeError as error:
            taken = ", ".join(signature(entry).parameters)
            raise ValueError(f"{self.kind} {config['type']!r}: {error}; it takes: {taken}") from None
        try:
            return entry(**arguments, **runtime)
        except TypeError as error:
            raise ValueError(f"{self.kind} {config['type']!r}: {error}; it was given {config}") from error

    def _build_nested(self, value: Any) -> Any:
        if isinstance(value, dict):
            return self.build(value) if "type" in value else {k: self._build_nested(v) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(self._build_nested(item) for item in value)
        return value


MODELS = Registry("model")
DATA = Registry("dataset or transform")
HOOKS = Registry("hook")
OPTIM = Registry("optimizer or schedule")
