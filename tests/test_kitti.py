from pathlib import Path

import numpy as np
import pytest
from layouts import image, write

from depthkit.config import load_config
from depthkit.data.io import write_depth_png
from depthkit.data.kitti import KITTIDataset
from depthkit.registry import DATA

DATASETS = Path(__file__).parents[1] / "configs" / "_base_" / "datasets"
DRIVE = "2011_09_29_drive_0004_sync"
IMAGE = f"2011_09_29/{DRIVE}/image_02/data/0000000069.png"
DEPTH = f"{DRIVE}/proj_depth/groundtruth/image_02/0000000069.png"


@pytest.fixture
def root(tmp_path):
    """A frame of 375 x 1242 with 80, 87.5 and 0.00390625 m in three pixels, and two lines without depth."""
    image(tmp_path / "input" / IMAGE, (375, 1242))
    depth = np.zeros((375, 1242))
    depth[374, 621], depth[373, 621], depth[372, 621] = 80, 87.5, 1 / 256
    write_depth_png(tmp_path / "gt_depth" / DEPTH, depth, scale=256)
    line = f"{IMAGE} {DEPTH} 721.5377"
    for split in ("kitti_eigen_train", "kitti_eigen_test", "kitti_benchmark_train", "kitti_benchmark_val"):
        write(tmp_path / f"{split}.txt", f"{IMAGE} None 721.5377\n{line}\n\n{line}")
    return tmp_path


def build(name, split, root):
    return DATA.build({**load_config(DATASETS / f"{name}.py").data[split], "data_root": str(root)})


def test_a_test_frame_is_cropped_and_exact(root):
    dataset = build("kitti", "test", root)
    assert len(dataset) == 2
    sample = dataset[0, 0]
    assert sample["image"].shape == (3, 352, 1216)
    assert sample["depth"].shape == (1, 352, 1216)
    # the crop takes 23 rows from the top and 13 columns from the left; 87.5 m are beyond the range
    assert sample["depth"][0, 349:, 608].tolist() == [1 / 256, 0, 80]
    assert dataset.name(sample["path"]) == IMAGE.removesuffix(".png")
    # the camera of that day, not of the line
    expected = [[718.3351, 0, 600.3891 - 13], [0, 718.3351, 181.5122 - 23], [0, 0, 1]]
    np.testing.assert_allclose(sample["intrinsics"], expected, rtol=1e-6)


def test_a_training_frame_has_the_recipes_size(root):
    sample = build("kitti", "train", root)[7, 1]
    assert sample["image"].shape == (3, 352, 704)
    assert sample["depth"].shape == (1, 352, 704)


def test_the_benchmark_reaches_further(root):
    sample = build("kitti_benchmark", "val", root)[0, 0]
    assert sample["depth"][0, 349:, 608].tolist() == [1 / 256, 87.5, 80]


def test_a_path_without_a_day_is_named(root):
    image(root / "input" / "a.png", (4, 6))
    write_depth_png(root / "gt_depth" / "a.png", np.ones((4, 6)), scale=256)
    write(root / "odd.txt", "a.png a.png")
    dataset = KITTIDataset(data_root=str(root), split="odd.txt", max_depth=80)
    with pytest.raises(ValueError, match=r"a.png: its path names none of the days that KITTI was recorded on"):
        dataset.load(0)


def test_a_missing_folder_says_what_it_should_be(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"data_root should be a folder with KITTI's raw images in input/"):
        len(KITTIDataset(data_root=str(tmp_path / "absent"), split="a.txt", max_depth=80))
