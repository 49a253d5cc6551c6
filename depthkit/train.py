"""python -m depthkit.train CONFIG: trains a depth model."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from signal import Signals

from depthkit.config import Config, check_values, default_work_dir, load_config

logger = logging.getLogger("depthkit")

# what the user can mend: the message says how, and stands alone
USERS_ERRORS = (ValueError, OSError, FloatingPointError)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m depthkit.train", description="Trains a depth model.")
    add = parser.add_argument
    add("config", help="a config file, such as configs/quickstart.py")
    add("--work-dir", help="folder for logs and checkpoints (default: work_dirs/ and the config's path)")
    add("--resume-from", metavar="FILE|auto", help="go on from a checkpoint; auto: from the newest in the work dir")
    add("--load-from", metavar="FILE", help="start from the weights of a checkpoint, at the first step")
    add("--no-validate", action="store_true", help="do not evaluate during training")
    add("--seed", type=int, help="for weights, order and augmentation (default: drawn, logged and saved)")
    add("--deterministic", action="store_true", help="choose deterministic GPU kernels, at some cost in speed")
    add("--auto-scale-lr", action="store_true", help="scale the learning rate by the global batch / base_batch_size")
    add("--launcher", choices=("auto", "none", "pytorch", "slurm"), default="auto", help="who started the processes")
    add("--cfg-options", nargs="+", action="extend", default=[], metavar="a.b=c", help="override keys of the config")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    try:
        config = read_config(args)
    except USERS_ERRORS as error:  # the same on all ranks
        sys.exit(f"depthkit.train: {error}" if is_first_on_host() else 1)
    try:
        # torch comes in here: --help, a mistyped flag and a wrong config key answer without it
        from depthkit.build import build_runner
        from depthkit.distributed import close, init, rank

        runner = build_runner(config, args, init(args.launcher, **config.dist_params))
    except USERS_ERRORS as error:
        logger.debug("where it happened:", exc_info=True)
        sys.exit(f"depthkit.train{f' rank {rank()}' if rank() else ''}: {error}")
    try:
        runner.train()
    except Exception as error:
        tell(error, f"Stopped in epoch {runner.epoch + 1}, after {runner.step} steps")
        sys.exit(1)
    close()
    if runner.stop:
        saved = (runner.work_dir / f"step_{runner.step}.pth").exists()
        what_next = (
            "go on with --resume-from auto" if saved else "NOT SAVED: a resume goes on from an earlier checkpoint"
        )
        logger.info("Stopped by %s after %d steps; %s", Signals(runner.stop).name, runner.step, what_next)
        sys.exit(128 + runner.stop)


def is_first_on_host() -> bool:
    return all(os.environ.get(name, "0") == "0" for name in ("LOCAL_RANK", "SLURM_LOCALID"))


def tell(error: Exception, place: str) -> None:
    """Logs what stopped this rank: in one line where the user or another rank has to look, else with its traceback."""
    from depthkit.distributed import is_lost_peer

    reason = str(error).splitlines()[-1] if str(error) else repr(error)  # an error in a worker ends with its reason
    if is_lost_worker(error):
        logger.error(
            "%s: a worker of the data loader died: %s. The system kills those that find no memory, main (see dmesg) or"
            " shared (see df /dev/shm): lower data.workers_per_gpu or data.samples_per_gpu",
            place,
            reason,
        )
    elif is_lost_peer(error):
        logger.warning("%s: another rank is gone, or stuck: %s", place, reason)
    elif isinstance(error, USERS_ERRORS):
        logger.error("%s: %s", place, reason)
    else:
        logger.exception(place)
        return
    logger.debug("where it happened:", exc_info=True)


def is_lost_worker(error: Exception) -> bool:
    """Whether `error` is torch's about a dead worker, or what it meets when it fetches the last batch of one."""
    return str(error).startswith("DataLoader worker (pid") or isinstance(error, (ConnectionError, EOFError))


def read_config(args: argparse.Namespace) -> Config:
    """The config with the command line's settings in their places."""
    config = load_config(args.config, args.cfg_options)
    for key in ("work_dir", "resume_from", "load_from", "seed"):
        if getattr(args, key) is not None:
            config[key] = getattr(args, key)
    config["work_dir"] = str(config.work_dir or default_work_dir(args.config))
    check_values(config, "the command line")
    return config


if __name__ == "__main__":
    main()
