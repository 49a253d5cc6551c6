import numpy as np
import pytest

from depthkit import synthesize
from depthkit.data.nyu import NYUDataset
from depthkit.data.synthetic import SyntheticDataset


def test_the_files_hold_the_rendered_rooms(tmp_path):
    folder = tmp_path / "nyu"
    synthesize.main([str(folder), "--train", "3", "--test", "2", "--height", "48", "--width", "64"])
    train = (folder / "nyu_train.txt").read_text().splitlines()
    assert len(train) == 3
    assert train[0].startswith("/room_train/rgb_00000.jpg /room_train/sync_depth_00000.png ")
    for split, seed, count in (("nyu_train.txt", 0, 3), ("nyu_test.txt", 1, 2)):
        files = NYUDataset(data_root=str(folder), split=split, max_depth=10)
        rooms = SyntheticDataset(num_images=count, height=48, width=64, scene_seed=seed, max_depth=10)
        assert len(files) == count
        for index in range(count):
            read, rendered = files.load(index), rooms.load(index)
            assert abs(read.depth - rendered.depth).max() <= 0.00051  # millimetres, rounded
            assert abs(read.image.astype(float) - rendered.image).mean() < 12  # JPEG
            assert read.intrinsics[0, 0] == pytest.approx(rendered.intrinsics[0, 0], rel=1e-4)
            assert read.image.dtype == np.uint8


def test_what_exists_is_not_overwritten(tmp_path):
    (tmp_path / "nyu_test.txt").write_text("mine")
    with pytest.raises(SystemExit, match="nyu_test.txt exists already: choose another folder, or remove it"):
        synthesize.main([str(tmp_path), "--train", "1", "--test", "1"])
    assert [path.name for path in tmp_path.iterdir()] == ["nyu_test.txt"]


@pytest.mark.parametrize(
    ("name", "option", "message"),
    [
        ("new", "--train", "take numbers above 0"),
        ("new", "--height", "take numbers above 0"),
        ("file", None, "is a file"),
    ],
)
def test_mistakes_give_one_clear_error(tmp_path, name, option, message):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(SystemExit, match=message):
        synthesize.main([str(tmp_path / name), *([option, "0"] if option else [])])
