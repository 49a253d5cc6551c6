import json
from pathlib import Path

import numpy as np
import pytest
from layouts import image, write
from PIL import Image

from depthkit.config import load_config
from depthkit.data.cityscapes import CityscapesDataset
from depthkit.registry import DATA

CONFIG = Path(__file__).parents[1] / "configs" / "_base_" / "datasets" / "cityscapes.py"
FRAME = "aachen/aachen_000000_000019"
LINE = f"leftImg8bit/train/{FRAME}_leftImg8bit.png disparity/train/{FRAME}_disparity.png"


@pytest.fixture
def root(tmp_path):
    """Disparities of 100, 1/256 and 0 pixels, and none."""
    image(tmp_path / f"leftImg8bit/train/{FRAME}_leftImg8bit.png", (1024, 2048))
    numbers = np.zeros((1024, 2048), np.uint16)
    numbers[700, 5:8] = 25601, 2, 1
    path = tmp_path / f"disparity/train/{FRAME}_disparity.png"
    path.parent.mkdir(parents=True)
    Image.fromarray(numbers).save(path)
    camera = {"extrinsic": {"baseline": 0.25}, "intrinsic": {"fx": 2000.0, "fy": 2100.0, "u0": 1000.0, "v0": 500.0}}
    write(tmp_path / f"camera/train/{FRAME}_camera.json", json.dumps(camera))
    for split in ("train", "val"):
        write(tmp_path / f"cityscapes_{split}.txt", f"{LINE} train/{FRAME}_camera.json")
    return tmp_path


def test_depth_is_baseline_times_focal_length_by_disparity(root):
    dataset = DATA.build({**load_config(CONFIG).data.val, "data_root": str(root)})
    loaded = dataset.load(0)
    assert loaded.depth[700, 4:9].tolist() == [0, 5.0, 128000.0, 0, 0]
    assert loaded.intrinsics.tolist() == [[2000, 0, 1000], [0, 2100, 500], [0, 0, 1]]
    sample = dataset[0, 0]
    assert sample["image"].shape == (3, 512, 1024)
    assert sample["depth"].shape == (1, 1024, 2048)
    assert sample["depth"][0, 700, 4:9].tolist() == [0, 5.0, 0, 0, 0]


def test_a_training_frame_has_the_recipes_size(root):
    sample = DATA.build({**load_config(CONFIG).data.train, "data_root": str(root)})[7, 0]
    assert sample["image"].shape == (3, 352, 704)
    assert sample["depth"].shape == (1, 704, 1408)


def test_training_and_test_see_through_one_focal_length(root):
    """Else the model would learn one relation of size and distance, and be asked for another."""
    for split in ("train", "val"):
        sample = DATA.build({**load_config(CONFIG).data[split], "data_root": str(root)})[0, 0]
        assert sample["intrinsics"].diagonal().tolist() == [1000, 1050, 1]


@pytest.mark.parametrize("text", ["", "[]", '{"intrinsic": {"fx": 2000.0}, "extrinsic": {}}'])
def test_a_bad_camera_file_is_named(root, text):
    write(root / f"camera/train/{FRAME}_camera.json", text)
    dataset = CityscapesDataset(data_root=str(root), split="cityscapes_val.txt", max_depth=80)
    with pytest.raises(ValueError, match=f"{FRAME}_camera.json is no camera file of Cityscapes"):
        dataset.load(0)


def test_a_line_needs_a_camera(root):
    write(root / "short.txt", LINE)
    dataset = CityscapesDataset(data_root=str(root), split="short.txt", max_depth=80)
    with pytest.raises(ValueError, match="_leftImg8bit.png in short.txt names no camera as its third file"):
        dataset.load(0)
    write(root / "wrong.txt", f"{LINE} 721.5")
    with pytest.raises(ValueError, match=r"wrong.txt, line 1: .* is not of the form `image depth file`"):
        len(CityscapesDataset(data_root=str(root), split="wrong.txt", max_depth=80))
