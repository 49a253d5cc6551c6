import pytest
import torch
from ranks import run_ranks
from torch import nn

from depthkit import distributed

TORCHRUN = {"RANK": "3", "LOCAL_RANK": "1", "WORLD_SIZE": "4"}
SLURM = {
    "SLURM_PROCID": "5",
    "SLURM_LOCALID": "1",
    "SLURM_STEP_NUM_TASKS": "8",
    "SLURM_STEP_NODELIST": "n[03-04,07],x1",
    "SLURM_JOB_ID": "1200",
    "SLURM_STEP_ID": "2",
}


@pytest.mark.parametrize(
    ("launcher", "env", "expected"),
    [
        ("auto", {}, ("none", 0, 0, 1)),
        ("auto", TORCHRUN, ("pytorch", 3, 1, 4)),
        ("auto", SLURM, ("slurm", 5, 1, 8)),
        ("auto", SLURM | TORCHRUN, ("pytorch", 3, 1, 4)),  # torchrun inside a Slurm job
        ("auto", {"SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "1"}, ("none", 0, 0, 1)),  # a shell inside a job
        ("none", TORCHRUN, ("none", 0, 0, 1)),
        ("slurm", SLURM | TORCHRUN, ("slurm", 5, 1, 8)),
    ],
)
def test_find_place(launcher, env, expected):
    found, place = distributed.find_place(launcher, env)
    assert (found, place.rank, place.local_rank, place.world_size) == expected


@pytest.mark.parametrize(
    ("launcher", "message"),
    [
        ("pytorch", "--launcher pytorch, but RANK, LOCAL_RANK, WORLD_SIZE is not set: start the job with launch.sh"),
        ("slurm", "--launcher slurm, but SLURM_PROCID, .* is not set: start the job with slurm.sh or srun"),
    ],
)
def test_a_launcher_without_its_variables_is_refused(launcher, message):
    with pytest.raises(ValueError, match=message):
        distributed.find_place(launcher, {})


@pytest.mark.parametrize(
    ("env", "port", "expected"),
    [
        (SLURM, None, ("n03", 15000 + 7 * 1200 + 2)),
        (SLURM, 29500, ("n03", 29500)),
        (SLURM | {"MASTER_PORT": "29501"}, 29500, ("n03", 29501)),
        (SLURM | {"MASTER_ADDR": "10.0.0.1"}, 29500, ("10.0.0.1", 29500)),
        (SLURM | {"SLURM_STEP_NODELIST": "rack[1-2]gpu[007-9]"}, 1, ("rack1gpu007", 1)),
        (SLURM | {"SLURM_STEP_NODELIST": "solo"}, 1, ("solo", 1)),
    ],
)
def test_slurm_master(env, port, expected):
    assert distributed.slurm_master(env, port) == expected


def test_one_process_needs_no_set_up():
    tensor = torch.ones(2)
    assert distributed.all_reduce(tensor) is tensor
    assert (distributed.rank(), distributed.world_size(), distributed.is_main()) == (0, 1, True)
    assert distributed.from_main("value") == "value"
    assert [distributed.Agreement().exchange(number) for number in (0, 7, 0)] == [0, 7, 0]
    model = nn.BatchNorm2d(2)
    distributed.broadcast_buffers(model)
    assert distributed.data_parallel(model, torch.device("cpu"), False) is model


def test_seed_step_depends_on_seed_and_step_alone():
    def draw(seed, step):
        distributed.seed_step(torch.device("cpu"), seed, step)
        return torch.rand(3).tolist()

    assert draw(1, 2) == draw(1, 2)
    assert len({tuple(draw(seed, step)) for seed in range(10) for step in range(10)}) == 100


# Two real ranks -------------------------------------------------------------------------------------------------------


def rank_agreement(_):
    """What three exchanges tell this rank, where each rank hands in other numbers."""
    agreement = distributed.Agreement()
    return [agreement.exchange(number) for number in ((0, 7, 0), (3, 0, 0))[distributed.rank()]]


def normalised_model():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 2, 1), nn.BatchNorm2d(2)
    ).double()


def whole_batch():
    return torch.randn(6, 3, 8, 8, generator=torch.Generator().manual_seed(1)).double()


def gradients_and_buffers(model, images, loss_scale):
    (model(images).pow(3).sum() * loss_scale).backward()
    bare = model.module if isinstance(model, nn.parallel.DistributedDataParallel) else model
    return {name: p.grad for name, p in bare.named_parameters()} | dict(bare.named_buffers())


def rank_all_reduce_gradient(_):
    value = torch.tensor([1.0 + distributed.rank()], requires_grad=True)
    total = distributed.all_reduce(value)
    (total.square() * (1 + distributed.rank())).sum().backward()
    return {"total": total.item(), "gradient": value.grad.item()}


def rank_sync_batchnorm(_):
    device = torch.device("cpu")
    model = distributed.convert_sync_batchnorm(normalised_model(), device)
    parallel = distributed.data_parallel(model, device, find_unused_parameters=False)
    # unequal shares: 4 images here, 2 there; DDP averages over ranks, hence the factor 2
    images = whole_batch()[:4] if distributed.is_main() else whole_batch()[4:]
    return gradients_and_buffers(parallel, images, loss_scale=2)


def rank_messages(_):
    model = nn.BatchNorm1d(2)
    model.running_mean.fill_(distributed.rank() + 1)
    distributed.broadcast_buffers(model)
    torch.manual_seed(0)
    distributed.seed_step(torch.device("cpu"), 0, 0)
    return {
        "from_main": distributed.from_main(f"rank {distributed.rank()}"),
        "buffer": model.running_mean.tolist(),
        "draw": torch.rand(1).item(),
    }


@pytest.fixture(scope="module")
def returned(tmp_path_factory):
    return run_ranks(2, __file__, tmp_path_factory.mktemp("ranks"))


def test_all_reduce_sums_values_and_gradients(returned):
    # total 1 + 2 = 3 on both; d/dv (1 * total^2 + 2 * total^2) = 6 * total = 18
    assert returned["all_reduce_gradient"] == [{"total": 3.0, "gradient": 18.0}] * 2


def test_sync_batchnorm_equals_the_whole_batch(returned):
    expected = gradients_and_buffers(normalised_model(), whole_batch(), loss_scale=1)
    for on_rank in returned["sync_batchnorm"]:
        assert on_rank.keys() == expected.keys()
        for name, value in expected.items():
            torch.testing.assert_close(on_rank[name], value, rtol=1e-9, atol=1e-9, msg=name)


def test_ranks_agree_one_exchange_later(returned):
    # the largest of (0, 3), then of (7, 0)
    assert returned["agreement"] == [[0, 3, 7]] * 2


def test_ranks_share_what_rank_0_has_and_draw_apart(returned):
    first, second = returned["messages"]
    assert first["from_main"] == second["from_main"] == "rank 0"
    assert first["buffer"] == second["buffer"] == [1.0, 1.0]
    assert first["draw"] != second["draw"]


def test_sync_batchnorm_evaluates_like_batchnorm():
    model = normalised_model()
    model(whole_batch())
    model.eval()
    expected = model(whole_batch())
    converted = distributed.convert_sync_batchnorm(model, torch.device("cpu"))
    assert isinstance(converted[1], distributed.SyncBatchNorm)
    assert torch.equal(converted(whole_batch()), expected)
