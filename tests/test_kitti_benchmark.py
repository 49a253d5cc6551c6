from pathlib import Path

import numpy as np
import pytest
import torch
from layouts import image, write
from PIL import Image

import depthkit.models  # noqa: F401  fills the registry
from depthkit import check_data
from depthkit import test as command
from depthkit.config import load_config
from depthkit.data.kitti_benchmark import KITTIBenchmarkTest
from depthkit.registry import MODELS

ROOT = Path(__file__).parents[1]
CONFIG = """
_base_ = "{root}/configs/quickstart.py"
data = dict(workers_per_gpu=0, train=dict(_delete_=True), val=dict(_delete_=True), test=dict(_delete_=True, **{test}))
"""


@pytest.fixture
def root(tmp_path):
    for number in (3, 11):
        image(tmp_path / f"image/{number:010d}.png", (32, 64))
        write(tmp_path / f"intrinsics/{number:010d}.txt", f"7.0e+02 0 {number} 0 701 5 0 0 1")
    return tmp_path


def test_images_and_their_cameras(root):
    dataset = KITTIBenchmarkTest(data_root=str(root), max_depth=88)
    assert len(dataset) == 2
    sample = dataset[0, 1]
    assert sample["intrinsics"].tolist() == [[700, 0, 11], [0, 701, 5], [0, 0, 1]]
    assert not sample["depth"].any()
    assert dataset.name(sample["path"]) == "0000000011"


def test_a_submission(root, tmp_path):
    test = dict(type="KITTIBenchmarkTest", data_root=str(root), max_depth=88, protocol="kitti_benchmark")
    config = write(tmp_path / "benchmark.py", CONFIG.format(root=ROOT, test=test))
    model = MODELS.build(load_config(config).model)
    torch.save({"state_dict": model.state_dict()}, tmp_path / "weights.pth")
    arguments = [str(config), str(tmp_path / "weights.pth"), "--format-only", str(tmp_path / "submission")]
    command.main([*arguments, "--work-dir", str(tmp_path / "run")])
    files = sorted((tmp_path / "submission").iterdir())
    assert [file.name for file in files] == ["0000000003.png", "0000000011.png"]
    picture = Image.open(files[0])
    assert picture.mode in ("I;16", "I")  # the latter in pillow 10
    assert picture.size == (64, 32)
    depth = np.asarray(picture) / 256
    assert 1e-3 < depth.min() <= depth.max() <= 12
    with pytest.raises(SystemExit) as ended:
        check_data.main([str(config), "--workers", "0"])
    assert ended.value.code == 0


def test_a_bad_camera_file_is_named(root):
    for text in ("1 2 3", "seven"):
        write(root / "intrinsics/0000000003.txt", text)
        with pytest.raises(ValueError, match="0000000003.txt does not hold the nine numbers of a camera"):
            KITTIBenchmarkTest(data_root=str(root), max_depth=88).load(0)


def test_a_missing_folder_says_what_it_should_be(tmp_path):
    with pytest.raises(FileNotFoundError, match="data_root should be test_depth_prediction_anonymous"):
        len(KITTIBenchmarkTest(data_root=str(tmp_path), max_depth=88))
