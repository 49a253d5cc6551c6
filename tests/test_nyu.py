from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from depthkit.config import load_config
from depthkit.data.io import write_depth_png
from depthkit.data.loader import train_loader
from depthkit.data.nyu import NYUDataset
from depthkit.registry import DATA

CONFIG = Path(__file__).parents[1] / "configs" / "_base_" / "datasets" / "nyu.py"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Twelve pairs: the red channel and the millimetres of pair i are 20 i + 10 and 500 i + 500."""
    root = tmp_path_factory.mktemp("nyu")
    (root / "kitchen").mkdir()
    train, test = ["", "/kitchen/rgb_0.jpg None 518.8579"], []
    for i in range(12):
        Image.new("RGB", (640, 480), (20 * i + 10, 0, 0)).save(root / f"kitchen/rgb_{i}.jpg")
        write_depth_png(root / f"kitchen/depth_{i}.png", np.full((480, 640), 0.5 * i + 0.5), scale=1000)
        train.append(f"/kitchen/rgb_{i}.jpg /kitchen/depth_{i}.png 518.8579")
        test.append(f"kitchen/rgb_{i}.jpg kitchen/depth_{i}.png")
    (root / "nyu_train.txt").write_text("\n".join(train))
    (root / "nyu_test.txt").write_text("\n".join(reversed(test)) + "\n\n")
    return root


def from_config(name, root, **keys):
    return DATA.build({**load_config(CONFIG).data[name], "data_root": str(root), **keys})


def write_split(folder, text):
    (folder / "split.txt").write_text(text)
    return NYUDataset(data_root=str(folder), split="split.txt", max_depth=10)


def test_test_images_come_whole_and_in_the_order_of_the_split(root):
    dataset = from_config("test", root)
    assert len(dataset) == 12
    sample = dataset[0, 0]
    assert sample["image"].shape == (3, 480, 640)
    assert sample["depth"].unique().tolist() == [6.0]
    assert sample["path"] == str(root / "kitchen/rgb_11.jpg")
    assert dataset[1, 1]["path"] == str(root / "kitchen/rgb_10.jpg")
    assert abs(sample["image"][0].float().mean() - 230) < 2
    assert dataset.protocol == "nyu_eigen"


def test_blank_lines_none_and_leading_slashes(root):
    dataset = from_config("train", root)
    assert len(dataset) == 12
    assert dataset.entries[0].image == root / "kitchen/rgb_0.jpg"
    assert dataset.entries[0].depth == root / "kitchen/depth_0.png"


def test_the_training_recipe(root):
    dataset = from_config("train", root)
    samples = [dataset[position, position % 12] for position in range(24)]
    assert {(sample["image"].shape, sample["depth"].shape) for sample in samples} == {((3, 416, 544), (1, 416, 544))}
    for position, sample in enumerate(samples):
        depths = set(sample["depth"].unique().tolist())
        assert depths <= {0.0, 0.5 * (position % 12) + 0.5}  # rotation leaves corners without depth, mixes none
    unmeasured = [(sample["depth"] == 0).any().item() for sample in samples]
    assert 4 < sum(unmeasured) < 20
    assert all((sample["depth"] == 0).float().mean() < 0.05 for sample in samples)


def test_intrinsics_are_nyus_unless_the_line_has_another_focal_length(root, tmp_path):
    (tmp_path / "link").symlink_to(root)
    pair = "link/kitchen/rgb_0.jpg link/kitchen/depth_0.png"
    dataset = write_split(tmp_path, f"{pair}\n{pair} 518.8579\n{pair} 1037.7158")
    expected = np.array([[518.8579, 0, 325.5824], [0, 519.4696, 253.7362], [0, 0, 1]], np.float32)
    for index in (0, 1):
        np.testing.assert_array_equal(dataset.load(index).intrinsics, expected)
    expected[[0, 1], [0, 1]] *= 2
    np.testing.assert_allclose(dataset.load(2).intrinsics, expected)


def test_a_missing_dataset_says_where_and_what_to_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dataset = NYUDataset(data_root="data/nyu", split="nyu_train.txt", max_depth=10)  # reads nothing yet
    with pytest.raises(FileNotFoundError) as caught:
        len(dataset)
    message = str(caught.value)
    assert f"there is no {tmp_path / 'data' / 'nyu'}." in message
    assert "NYU Depth V2" in message
    assert "python -m depthkit.synthesize data/nyu" in message


def test_a_missing_split_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"the split file is missing: there is no .*nyu_train.txt"):
        len(NYUDataset(data_root=str(tmp_path), split="nyu_train.txt", max_depth=10))


@pytest.mark.parametrize("text", ["", "\n \n", "a.jpg None\n"])
def test_an_empty_split_is_refused(tmp_path, text):
    with pytest.raises(ValueError, match=r"split.txt lists no image with depth"):
        len(write_split(tmp_path, text))


@pytest.mark.parametrize("line", ["one.jpg", "a.jpg a.png far", "a.jpg a.png 518.9 b.png", "a folder/a.jpg a.png"])
def test_a_malformed_line_is_named_by_its_number(tmp_path, line):
    with pytest.raises(ValueError, match=rf"split.txt, line 3: '{line}' is not of the form `image depth \[focal\]`"):
        len(write_split(tmp_path, f"a.jpg a.png\n\n{line}\n"))


def test_a_first_pair_that_is_not_there_is_found_before_training(tmp_path):
    Image.new("RGB", (4, 3)).save(tmp_path / "a.png")
    with pytest.raises(FileNotFoundError, match=r"the first pair of split.txt is missing: there is no .*d.png"):
        len(write_split(tmp_path, "a.png d.png\n"))


def first_error(loader):
    try:
        next(iter(loader))
    except ValueError as error:
        # its frames keep the workers in a reference cycle, and collecting that waits 5 s for each of them
        return str(error.with_traceback(None))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_bad_file_is_named_from_workers_too(tmp_path, workers):
    for number in range(4):
        Image.new("RGB", (32, 24)).save(tmp_path / f"{number}.png")
        write_depth_png(tmp_path / f"d{number}.png", np.ones((24, 32)), scale=1000)
    Image.new("L", (32, 24)).save(tmp_path / "d2.png")
    dataset = write_split(tmp_path, "".join(f"{number}.png d{number}.png\n" for number in range(4)))
    assert "d2.png has 8 bits a channel" in first_error(train_loader(dataset, 4, workers, seed=0))


def test_class_labels_are_the_kinds_of_rooms(tmp_path):
    pairs = []
    for folder in ("office_0003", "bathroom_0001", "office_kitchen_0001a", "kitchen_0028b"):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (4, 3)).save(tmp_path / folder / "a.png")
        write_depth_png(tmp_path / folder / "d.png", np.ones((3, 4)), scale=1000)
        pairs.append(f"/{folder}/a.png /{folder}/d.png")
    (tmp_path / "split.txt").write_text("\n".join(pairs))
    dataset = NYUDataset(data_root=str(tmp_path), split="split.txt", max_depth=10, num_classes=3)
    assert dataset.kinds == ["bathroom", "kitchen", "office"]
    assert [dataset[0, index]["class_label"] for index in range(4)] == [2, 0, 2, 1]
    dataset = NYUDataset(data_root=str(tmp_path), split="split.txt", max_depth=10, num_classes=2)
    with pytest.raises(
        ValueError, match="split.txt shows 3 kinds of rooms, bathroom, kitchen, office .* the 2 classes"
    ):
        dataset.check()
    assert "class_label" not in write_split(tmp_path, "\n".join(pairs))[0, 0]
