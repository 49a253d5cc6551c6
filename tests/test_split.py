import pytest

from depthkit.data.nyu import NYUDataset
from depthkit.data.split import FOCAL_LENGTH, Entry, parse_line


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a.jpg b.png", ("a.jpg", "b.png", None)),
        ("  /a/b.jpg\t//c/d.png 518.8579 ", ("a/b.jpg", "c/d.png", "518.8579")),
        ('"a folder/a b.jpg" "it\'s.png" 7', ("a folder/a b.jpg", "it's.png", "7")),
    ],
)
def test_lines(tmp_path, line, expected):
    images, depths = tmp_path / "images", tmp_path / "depths"
    image, depth, extra = expected
    assert parse_line(line, images, depths, FOCAL_LENGTH, "here") == Entry(images / image, depths / depth, extra)


@pytest.mark.parametrize("line", ["", "  ", "a.jpg None", "None b.png 7"])
def test_lines_without_a_pair(tmp_path, line):
    assert parse_line(line, tmp_path, tmp_path, FOCAL_LENGTH, "here") is None


def test_folders_of_images_and_depths(tmp_path):
    dataset = NYUDataset(data_root=str(tmp_path), split="s.txt", image_dir="rgb", depth_dir="gt", max_depth=10)
    (tmp_path / "s.txt").write_text("x/a.jpg a.png")
    for file in ("rgb/x/a.jpg", "gt/a.png"):
        (tmp_path / file).parent.mkdir(parents=True)
        (tmp_path / file).touch()
    assert dataset.entries == [Entry(tmp_path / "rgb/x/a.jpg", tmp_path / "gt/a.png")]
    assert dataset.name(str(tmp_path / "rgb/x/a.jpg")) == "x/a"
