"""The promises about exactness: resuming changes nothing, and neither does how a batch is split over ranks."""

import json

import pytest
import tiny
import torch
from ranks import run_ranks

from depthkit import distributed


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
    return {"resume": [rank_resume(folder)], "ten": rank_ten_steps(folder), "evaluation": [rank_evaluation(folder)]}


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    return run_ranks(2, __file__, tmp_path_factory.mktemp("two"))


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    return run_ranks(3, __file__, tmp_path_factory.mktemp("three"), only="rank_resume rank_evaluation")


@pytest.mark.parametrize("ranks", ["one", "two", "three"])
@pytest.mark.parametrize("workers", ["0 workers", "2 workers"])
def test_a_resumed_run_ends_with_the_same_weights(ranks, workers, request):
    for on_rank in request.getfixturevalue(ranks)["resume"]:
        whole, resumed = on_rank[workers]
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
