"""The promises about exactness: resuming changes nothing, and neither does how a batch is split over ranks."""

import json
import os
import signal

import pytest
import tiny
import torch
from ranks import run_ranks

from depthkit import distributed
from depthkit.hooks import Hook


def logged_losses(folder):
    (file,) = folder.rglob("*.log.json")
    records = [json.loads(line) for line in file.read_text().splitlines()[1:]]
    return [record["loss"] for record in records if record["mode"] == "train"]


def rank_resume(folder):
    """Final weights of four epochs, and of the same run resumed after two, by workers and batch normalisation."""
    weights = {}
    for workers, sync in ((0, False), (2, True)):
        options = ("--cfg-options", "runner.max_epochs=4", f"data.workers_per_gpu={workers}", f"SyncBN={sync}")
        name = f"{workers} workers"
        whole = tiny.train(folder / name / "whole", *options)
        halfway = folder / name / "whole" / "run" / "epoch_2.pth"
        # another seed on the command line: the checkpoint's is taken
        resumed = tiny.train(folder / name / "resumed", "--resume-from", str(halfway), "--seed", "99", *options)
        weights[name] = [whole.model.state_dict(), resumed.model.state_dict()]
    return weights


class SendTerm(Hook):
    """Slurm's scancel, as seen by the last rank alone, in the middle of the second epoch."""

    def after_step(self, runner):
        if runner.step == 17 and distributed.rank() == distributed.world_size() - 1:
            os.kill(os.getpid(), signal.SIGTERM)


def rank_stop(folder):
    """Where each rank stopped and why, and the final weights of the run never stopped and of the one that went on."""
    options = (
        "--cfg-options",
        "data.workers_per_gpu=2",
        "SyncBN=True",
        "runner.max_epochs=3",
        "runner.iters_per_epoch=12",
    )
    whole = tiny.train(folder / "never stopped", *options)
    stopped = tiny.build(folder / "stopped", *options)
    stopped.hooks.append(SendTerm())
    stopped.train()
    resumed = tiny.train(folder / "stopped", "--resume-from", "auto", *options)
    return {
        "stop": stopped.stop,
        "step": stopped.step,
        "weights": [whole.model.state_dict(), resumed.model.state_dict()],
    }


def rank_ten_steps(folder):
    """Losses of ten steps on a global batch of four, and the weights after them, by optimizer."""
    share = 4 // distributed.world_size()
    options = [f"data.samples_per_gpu={share}", "model.dropout=0.0", "runner.max_epochs=1", "runner.iters_per_epoch=10"]
    results = {}
    for optimizer in ("AdamW", "SGD"):
        text = f"SyncBN = True\noptimizer = dict(type='{optimizer}', lr=1e-2)\nlr_config = dict(policy='fixed')\n"
        run = folder / optimizer
        runner = tiny.train(run, "--no-validate", "--cfg-options", *options, "log_config.interval=1", text=text)
        losses = logged_losses(run) if distributed.is_main() else None
        results[optimizer] = {"losses": losses, "weights": runner.model.state_dict()}
    return results


def rank_evaluation(folder):
    """The scores of the untrained model, on 5 images that do not divide evenly."""
    runner = tiny.build(folder / "evaluation")
    evaluation = runner.evaluate(runner.model)
    return evaluation.metrics | {"num_images": evaluation.num_images}


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    folder = tmp_path_factory.mktemp("one")
    resume, stop, evaluation = [rank_resume(folder)], [rank_stop(folder)], [rank_evaluation(folder)]
    return {"resume": resume, "stop": stop, "ten": rank_ten_steps(folder), "evaluation": evaluation}


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    return run_ranks(2, __file__, tmp_path_factory.mktemp("two"))


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    return run_ranks(3, __file__, tmp_path_factory.mktemp("three"), only="rank_resume rank_stop rank_evaluation")


@pytest.mark.parametrize("ranks", ["one", "two", "three"])
@pytest.mark.parametrize("workers", ["0 workers", "2 workers"])
def test_a_resumed_run_ends_with_the_same_weights(ranks, workers, request):
    for on_rank in request.getfixturevalue(ranks)["resume"]:
        whole, resumed = on_rank[workers]
        assert [name for name in whole if not torch.equal(whole[name], resumed[name])] == []


@pytest.mark.parametrize("ranks", ["one", "two", "three"])
def test_a_signal_stops_all_ranks_at_one_step_and_a_resume_goes_on_from_there(ranks, request):
    on_ranks = request.getfixturevalue(ranks)["stop"]
    assert {on_rank["stop"] for on_rank in on_ranks} == {signal.SIGTERM}
    (step,) = {on_rank["step"] for on_rank in on_ranks}
    assert 17 < step < 20
    for on_rank in on_ranks:
        whole, resumed = on_rank["weights"]
        assert [name for name in whole if not torch.equal(whole[name], resumed[name])] == []


def test_ranks_end_with_the_same_weights(two):
    first, second = (on_rank["2 workers"][0] for on_rank in two["resume"])
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_one_times_four_is_two_times_two(one, two):
    split = two["ten_steps"][0]
    assert split["AdamW"]["losses"] == pytest.approx(one["ten"]["AdamW"]["losses"], abs=1e-4)
    for name, weight in one["ten"]["SGD"]["weights"].items():
        torch.testing.assert_close(split["SGD"]["weights"][name], weight, rtol=0, atol=1e-5, msg=name)
    # the losses did move, so the comparison means something
    assert abs(split["SGD"]["losses"][0] - split["SGD"]["losses"][-1]) > 0.01


def test_evaluation_does_not_depend_on_the_ranks(one, two, three):
    (expected,) = one["evaluation"]
    assert expected["num_images"] == 5
    for on_rank in (*two["evaluation"], *three["evaluation"]):
        assert on_rank == pytest.approx(expected, rel=1e-5)
