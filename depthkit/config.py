"""Configs: plain Python files of dicts, merged over their bases and the defaults, overridden from the command line."""

import ast
import math
import pprint
import runpy
from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

# Every key a config may have at its top level, with its value where the config is silent.
DEFAULTS: dict[str, Any] = {
    "model": {},
    "criterion": {},
    # weights of the backbone on a fresh start: None, a file, or "torchvision" for those it publishes
    "pretrained": None,
    # max_bad_samples: how many training samples of a rank may be unreadable; they are trained on without depth
    "data": {"samples_per_gpu": 8, "workers_per_gpu": 2, "max_bad_samples": 0, "train": {}, "val": {}, "test": {}},
    "optimizer": {},
    # max_skipped: how many steps in a row may have a gradient that is not finite; they change nothing
    "optimizer_config": {"grad_clip": None, "max_skipped": 0},
    "lr_config": {"policy": "fixed"},
    "momentum_config": None,
    # iters_per_epoch cuts an endless stream of samples into epochs; None is one pass over the data
    "runner": {"max_epochs": 24, "iters_per_epoch": None},
    # intervals count epochs; max_keep_ckpts None keeps all; steps and minutes: how often to save in between
    "checkpoint_config": {"interval": 1, "max_keep_ckpts": None, "steps": None, "minutes": None},
    # rule: "less", "greater", or None for the one that suits the metric
    "evaluation": {"interval": 1, "save_best": "abs_rel", "rule": None},
    "log_config": {
        "interval": 50,
        "hooks": [
            {"type": "TextLoggerHook"},
            {"type": "TensorboardLoggerHook"},
            {"type": "TensorboardImageLoggerHook"},
        ],
    },
    "custom_hooks": [],
    # port: for Slurm, where MASTER_PORT is not set; timeout: seconds a rank waits for the others
    "dist_params": {"backend": "nccl", "port": None, "timeout": 1800},
    "SyncBN": False,
    # the global batch that the learning rate is stated for, used by --auto-scale-lr
    "base_batch_size": 16,
    "find_unused_parameters": False,
    "cudnn_benchmark": True,
    "seed": None,
    "log_level": "INFO",
    "load_from": None,
    "resume_from": None,
    "work_dir": None,
}
# the parts whose keys are all listed above; the others are arguments of what they name
SECTIONS = {"data", "optimizer_config", "runner", "checkpoint_config", "evaluation", "log_config", "dist_params"}
# whole numbers, and the least that each may be; a key that is None by default may be None
COUNTS = {
    "data.samples_per_gpu": 1,
    "data.workers_per_gpu": 0,
    "data.max_bad_samples": 0,
    "optimizer_config.max_skipped": 0,
    "runner.max_epochs": 1,
    "runner.iters_per_epoch": 1,
    "checkpoint_config.interval": 1,
    "checkpoint_config.max_keep_ckpts": 1,
    "checkpoint_config.steps": 1,
    "evaluation.interval": 1,
    "log_config.interval": 1,
    "base_batch_size": 1,
    "seed": 0,
}
# numbers above 0
POSITIVE = ("optimizer.lr", "optimizer_config.grad_clip.max_norm", "checkpoint_config.minutes", "dist_params.timeout")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


class Config(dict):
    """A dict whose keys are attributes too, at every depth, to read; config["key"] = value sets one."""

    __slots__ = ()

    def __init__(self, items: dict[str, Any]) -> None:
        super().__init__({key: _wrap(value) for key, value in items.items()})

    def __getattr__(self, name: str) -> Any:
        if name not in self:
            raise AttributeError(f"the config has no key {name!r} here, only {', '.join(self)}")
        return self[name]

    def plain(self) -> dict[str, Any]:
        """The same as built-in dicts, lists and values alone."""
        return _unwrap(self)


def _wrap(value: Any) -> Any:
    if isinstance(value, dict):
        return Config(value)
    return type(value)(map(_wrap, value)) if isinstance(value, (list, tuple)) else value


def _unwrap(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _unwrap(item) for key, item in value.items()}
    return type(value)(map(_unwrap, value)) if isinstance(value, (list, tuple)) else value


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> Config:
    """Runs the file, merges it over its bases and DEFAULTS, then applies overrides such as "data.train.split=a.txt".

    An unknown key, at the top level or in an override, is a ValueError that names those close to it; so is a value that
    the key cannot have.
    """
    items = _load_file(Path(path), ())
    _check_keys(items, DEFAULTS, str(path))
    config = _unwrap(merge(DEFAULTS, items))  # a copy, whose parts share nothing even where the file's do
    for text in overrides:
        override(config, text)
    check_values(config, str(path))
    return Config(config)


def check_values(config: dict[str, Any], place: str) -> None:
    """A ValueError for a part that is no dict, a key that its part does not have, or a value that makes no sense."""
    _check_parts(config, place)

    def expect(key: str, fits: Callable[[Any], bool], what: str) -> None:
        value, optional = _at(config, key), _at(DEFAULTS, key) is None
        if not fits(value) and not (value is None and optional):
            raise ValueError(f"{place}: {key} is {value!r}; it takes {what}{' or None' if optional else ''}")

    for key, least in COUNTS.items():
        expect(key, lambda value, least=least: type(value) is int and value >= least, f"a whole number from {least} on")
    if config["optimizer"] and "lr" not in config["optimizer"]:
        raise ValueError(f"{place}: optimizer has no lr; give it a number above 0")
    for key in POSITIVE:
        expect(key, lambda value: type(value) in (int, float) and value > 0, "a number above 0")
    for key in ("pretrained", "load_from", "resume_from", "work_dir"):
        expect(key, lambda value: isinstance(value, str), "a string")
    for key in ("log_config.hooks", "custom_hooks"):
        expect(key, lambda value: isinstance(value, (list, tuple)), "a list of dicts")
    expect("log_level", lambda value: value in LEVELS, f"one of {', '.join(LEVELS)}")


def _check_parts(config: dict[str, Any], place: str) -> None:
    for name, default in DEFAULTS.items():
        if isinstance(default, dict) and not isinstance(config[name], dict):
            raise ValueError(f"{place}: {name} is {config[name]!r}; it takes a dict")
    for section in SECTIONS:
        _check_keys(config[section], DEFAULTS[section], f"{place}: {section}")
    clip = config["optimizer_config"]["grad_clip"]
    if clip is not None and not (isinstance(clip, dict) and clip.keys() == {"max_norm"}):
        raise ValueError(f"{place}: optimizer_config.grad_clip is {clip!r}; it takes dict(max_norm=...) or None")


def _at(config: dict[str, Any], dotted: str) -> Any:
    """The value of a key such as "runner.max_epochs", or None where there is none."""
    value: Any = config
    for name in dotted.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _load_file(path: Path, children: tuple[Path, ...]) -> dict[str, Any]:
    path = path.resolve()
    if not path.is_file():
        named_by = f", the _base_ of {children[-1]}" if children else ""
        raise FileNotFoundError(f"there is no config {path}{named_by}")
    if path in children:
        raise ValueError(f"{path} is its own _base_, by way of {', '.join(map(str, children))}")
    try:
        items = runpy.run_path(str(path))
    except Exception as error:
        raise ValueError(f"the config {path} does not run: {type(error).__name__}: {error}") from error
    bases = items.get("_base_", [])
    items = {key: value for key, value in items.items() if not key.startswith("_")}
    for key, value in items.items():
        _check_plain(value, f"{path}: {key}")
    inherited: dict[str, Any] = {}
    if not isinstance(bases, (str, list, tuple)):
        raise ValueError(f"{path}: _base_ is {bases!r}; it takes the path of a config, or a list of them")
    for base in [bases] if isinstance(bases, str) else bases:
        added = _load_file(path.parent / base, (*children, path))
        if twice := inherited.keys() & added.keys():
            raise ValueError(f"{path}: the key {min(twice)!r} stands in two of its bases")
        inherited |= added
    return merge(inherited, items)


def _check_keys(items: dict[str, Any], known: dict[str, Any], place: str) -> None:
    for key in items:
        if key not in known:
            raise ValueError(f"{place}: unknown key {key!r}{_hint(key, known)}")


def _check_plain(value: Any, place: str) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            _check_plain(item, f"{place}.{key}")
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            _check_plain(item, f"{place}.{index}")
    elif not _is_plain(value):
        raise ValueError(
            f"{place} is {value!r}; a config holds dicts, lists, finite numbers, strings and None (start the name "
            "of a helper with '_')"
        )


def _is_plain(value: Any) -> bool:
    return value is None or type(value) in (bool, int, str) or (type(value) is float and math.isfinite(value))


def merge(base: dict[str, Any], child: dict[str, Any]) -> dict[str, Any]:
    """`base` with `child` over it: dicts merge key by key, anything else, lists too, is replaced.

    A dict in `child` with `_delete_=True` replaces the one in `base`.
    """
    merged = dict(base)
    for key, value in child.items():
        if not isinstance(value, dict):
            merged[key] = value
            continue
        value = dict(value)
        replace = value.pop("_delete_", False)
        kept = {} if replace or not isinstance(base.get(key), dict) else base[key]
        merged[key] = merge(kept, value)
    return merged


def override(config: dict[str, Any], text: str) -> None:
    """Applies one "a.b.0.c=value" to `config`: every key must exist, a number picks from a list.

    The value is read as Python (numbers, None, True, tuples ...), else it is a string.
    """
    dotted, equals, literal = text.partition("=")
    if not equals:
        raise ValueError(f"the override {text!r} has no '='; write it as a.b=value")
    *path, last = dotted.split(".")
    container: Any = config
    for depth, name in enumerate(path):
        container = container[_find(container, name, ".".join(path[:depth]), text)]
    container[_find(container, last, ".".join(path), text)] = _parse(literal)


def _find(container: Any, name: str, place: str, text: str) -> str | int:
    """`name` as a key or index of `container`, which stands at `place` in the config."""
    where = f"in {place!r}" if place else "at the top level"
    if isinstance(container, dict):
        if name not in container:
            raise ValueError(f"the override {text!r}: there is no key {name!r} {where}{_hint(name, container)}")
        return name
    if isinstance(container, list):
        if not name.isdigit() or int(name) >= len(container):
            raise ValueError(f"the override {text!r}: {name!r} is no index of the {len(container)} items {where}")
        return int(name)
    raise ValueError(f"the override {text!r}: {place!r} is {container!r}, which has no parts")


def _parse(literal: str) -> Any:
    words = {"true": True, "false": False, "none": None}
    if literal.lower() in words:
        return words[literal.lower()]
    try:
        return ast.literal_eval(literal)
    except (ValueError, SyntaxError):
        return literal


def _hint(name: str, known: dict[str, Any]) -> str:
    close = get_close_matches(name, known)
    return f"; did you mean {' or '.join(map(repr, close))}?" if close else f"; there are {', '.join(sorted(known))}"


def differences(before: Any, now: Any, place: str = "") -> Iterator[str]:
    """What changed between two configs, a line for each key: "optimizer.lr: 0.1 -> 0.2"."""
    if not (isinstance(before, dict) and isinstance(now, dict)):
        # an override's tuple is the file's list
        old, new = (list(value) if isinstance(value, tuple) else value for value in (before, now))
        if old != new:
            yield f"{place}: {before!r} -> {now!r}"
        return
    for name in before | now:
        yield from differences(before.get(name), now.get(name), f"{place}.{name}" if place else name)


def format_config(config: Config) -> str:
    """`config` as the text of one config file without bases, which loads back equal."""
    lines = (f"{key} = {pprint.pformat(value, sort_dicts=False, width=110)}" for key, value in config.plain().items())
    return "\n".join(lines) + "\n"


def default_work_dir(config_path: str | Path) -> Path:
    """Where outputs go when nothing says otherwise: configs/depthformer/x.py -> work_dirs/depthformer/x."""
    path = Path(config_path).resolve().with_suffix("")
    parts = path.parts
    last = len(parts) - parts[::-1].index("configs") if "configs" in parts else len(parts) - 1
    return Path("work_dirs", *parts[last:])
