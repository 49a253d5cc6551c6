import numpy as np
import pytest
import tiny
import torch
from PIL import Image
from torch import nn

from depthkit import infer
from depthkit.checkpoint import load as load_checkpoint
from depthkit.data.io import read_depth, read_image


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    runner = tiny.train(tmp_path_factory.mktemp("trained"), "--no-validate")
    return runner.work_dir / "latest.pth"


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name, size in (("a.jpg", (40, 50)), ("b.png", (33, 47))):
        Image.fromarray(rng.integers(0, 256, (*size, 3), np.uint8)).save(folder / name)
    return folder


def test_depth_and_picture_at_the_images_size(checkpoint, photos, tmp_path):
    infer.main([str(checkpoint), str(photos), "--out", str(tmp_path / "out")])
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["a_color.png", "a_depth.png", "b_color.png", "b_depth.png"]
    model = infer.load(checkpoint)
    for name in ("a.jpg", "b.png"):
        image = read_image(photos / name)
        depth = read_depth(tmp_path / "out" / f"{name[0]}_depth.png", scale=1000)
        expected = infer.predict(model, image)
        assert depth.shape == image.shape[:2]
        assert abs(depth - expected).max() <= 0.00051
        assert read_image(tmp_path / "out" / f"{name[0]}_color.png").shape == image.shape


def test_a_prediction_is_symmetric(checkpoint):
    model = infer.load(checkpoint)
    image = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
    mirrored = infer.predict(model, image[:, ::-1])[:, ::-1]
    np.testing.assert_allclose(infer.predict(model, image), mirrored, rtol=1e-4)


def test_weights_without_a_config_need_one(checkpoint, photos, tmp_path):
    state = load_checkpoint(checkpoint)["state_dict"]
    torch.save({"state_dict": {f"module.{name}": value for name, value in state.items()}}, tmp_path / "bare.pth")
    image = read_image(photos / "a.jpg")
    with pytest.raises(ValueError, match=r"bare.pth is no checkpoint of depthkit: name the config of its model"):
        infer.load(tmp_path / "bare.pth")
    config = str(tiny.write_config(tmp_path))
    infer.main([str(tmp_path / "bare.pth"), str(photos), "--out", str(tmp_path / "out"), "--config", config])
    depth = read_depth(tmp_path / "out" / "a_depth.png", scale=1000)
    assert abs(depth - infer.predict(infer.load(checkpoint), image)).max() <= 0.00051

    del state["depth.3.weight"]
    torch.save(state, tmp_path / "part.pth")
    with pytest.raises(SystemExit, match=r"part.pth lacks 1 weights of the model, such as depth.3.weight"):
        infer.main([str(tmp_path / "part.pth"), str(photos), "--config", config])


class Focal(nn.Module):
    """Its depth is the focal length, and it notes the sizes of the images that it sees."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.sizes = set()

    def forward(self, image, intrinsics=None):
        self.sizes.add(tuple(image.shape))
        return {"depth": intrinsics[:, :1, 0, None, None].expand(-1, -1, 4, 5)}


@pytest.mark.parametrize(
    ("short_side", "seen", "focal"), [(None, (1, 3, 40, 50), 7), (128, (1, 3, 128, 160), 7 * 160 / 50)]
)
def test_the_camera_reaches_the_model_and_goes_with_the_size_of_what_it_sees(photos, short_side, seen, focal):
    camera = np.array([[7, 0, 2], [0, 8, 3], [0, 0, 1]], np.float32)
    model = Focal()
    depth = infer.predict(model, read_image(photos / "a.jpg"), camera, short_side)
    assert model.sizes == {seen}
    assert depth.shape == (40, 50)
    np.testing.assert_allclose(depth, focal, rtol=1e-6)


def test_the_size_that_the_network_sees_is_an_option(checkpoint, photos, tmp_path):
    infer.main([str(checkpoint), str(photos / "a.jpg"), "--out", str(tmp_path / "out"), "--short-side", "64"])
    depth = read_depth(tmp_path / "out" / "a_depth.png", scale=1000)
    expected = infer.predict(infer.load(checkpoint), read_image(photos / "a.jpg"), short_side=64)
    assert abs(depth - expected).max() <= 0.00051


def test_mistakes_give_one_clear_error(checkpoint, photos, tmp_path):
    (photos / "broken.jpg").write_bytes(b"no image")
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.png").write_bytes(b"")
    for arguments, message in (
        ([checkpoint, "absent.jpg"], "there is no image or folder absent.jpg"),
        ([checkpoint, tmp_path / "empty"], "there is no image in"),
        ([checkpoint, photos, tmp_path / "other"], "would be written to the same files"),
        ([checkpoint, photos / "broken.jpg"], "broken.jpg cannot be read"),
        ([checkpoint, photos / "a.jpg", "--short-side", "0"], "the shorter side is to have 0 pixels"),
        ([checkpoint, photos / "a.jpg", "--cfg-options", "model.a=1"], "--cfg-options change the config that --config"),
        (["absent.pth", photos / "a.jpg"], "there is no checkpoint absent.pth"),
        ([photos / "a.jpg", photos / "a.jpg"], "is damaged or no checkpoint"),
    ):
        with pytest.raises(SystemExit, match=message):
            infer.main([*map(str, arguments), "--out", str(tmp_path / "out")])
