"""python -m depthkit.check_data CONFIG: lists the pairs of a config's datasets that have a fault."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from depthkit.config import load_config


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m depthkit.check_data",
        description="Reads every pair of the training, validation and test set. Lists files that are missing, cannot be"
        " read or have no partner, what the pipeline refuses, images and depths of different shapes, depths of a wrong"
        " type, without a measured pixel, or of a scale unlike the others'. Shows how much is measured, and how far."
        " Ends with 1 if there is a fault.",
    )
    add = parser.add_argument
    add("config", help="a config file, such as configs/swin_nyu.py")
    add("--workers", type=int, default=os.cpu_count(), help="processes that read (default: %(default)s)")
    add("--list", type=Path, metavar="FILE", help="write the faults to a file too, one a line")
    add("--cfg-options", nargs="+", action="extend", default=[], metavar="a.b=c", help="override keys of the config")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    try:
        if args.list:
            args.list.write_text("")  # a place that cannot be written shows before the work
        faults = check(args)
        if args.list:
            args.list.write_text("".join(f"{fault}\n" for fault in faults))
    except (ValueError, OSError) as error:  # what the user can mend: the message says how
        sys.exit(f"depthkit.check_data: {error}")
    sys.exit(1 if faults else 0)


def check(args: argparse.Namespace) -> list[str]:
    """Prints what is found in each set, of one made of others in each of these; returns the faults, one a pair."""
    config = load_config(args.config, args.cfg_options)
    logging.getLogger("depthkit").setLevel(logging.ERROR)  # what datasets warn of stands in the report
    # torch comes in here: --help and a wrong config key answer without it
    import depthkit.data  # noqa: F401  fills the registry
    from depthkit.data.check import inspect, mark_unusual, summary
    from depthkit.logs import progress
    from depthkit.registry import DATA

    faults, seen = [], []
    for split in ("train", "val", "test"):
        if not config.data[split] or config.data[split] in seen:
            continue
        seen.append(config.data[split])
        parts = DATA.build(config.data[split]).parts()
        for place, dataset in enumerate(parts, start=1):
            what = split if len(parts) == 1 else f"{split}, set {place} of {len(parts)}"
            count = len(dataset)  # a split that is missing shows here
            findings = mark_unusual(list(progress(inspect(dataset, args.workers), count, f"Checking {what}")))
            found = [f"{what}: {line}" for line in dataset.unpaired()]
            found += [f"{what}: {finding.path}: {finding.fault}" for finding in findings if finding.fault]
            print("\n".join([f"{what}: {summary(findings)}", *found]))
            faults += found
    if not seen:
        raise ValueError(f"{args.config} names no data: data.train, data.val and data.test are empty")
    return faults


if __name__ == "__main__":
    main()
