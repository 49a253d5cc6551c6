"""Folders with twelve kinds of damaged pairs and more, as the command sees it."""

import numpy as np
import pytest
from PIL import Image

from depthkit.check_data import main
from depthkit.data.io import write_depth_png

SIZE = (24, 32)


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip_a_byte(path):
    content = bytearray(path.read_bytes())
    content[content.index(b"IDAT") + 20] ^= 0xFF
    path.write_bytes(content)


def save(path, *image):
    Image.new(*image).save(path)


def write(path, value, size=SIZE):
    write_depth_png(path, np.full(size, value), scale=1000)


# what is done to image and depth of a pair -> what is said of it
DAMAGE = {
    "missing image": (lambda image, depth: image.unlink(), "there is no file"),
    "missing depth": (lambda image, depth: depth.unlink(), "there is no file"),
    "truncated image": (lambda image, depth: cut(image), "cannot be read"),
    "truncated depth": (lambda image, depth: cut(depth), "cannot be read"),
    "flipped byte": (lambda image, depth: flip_a_byte(depth), "cannot be read"),
    "no content": (lambda image, depth: image.write_bytes(b""), "cannot be read"),
    "a web page": (lambda image, depth: image.write_text("<html>404</html>"), "cannot be read"),
    "depth of 8 bits": (lambda image, depth: save(depth, "L", (32, 24), 7), "has 8 bits a channel"),
    "depth as the image": (lambda image, depth: image.write_bytes(depth.read_bytes()), "has more than 8 bits"),
    "other size": (lambda image, depth: write(depth, 2.0, (12, 16)), "transforms that move pixels need them equal"),
    "nothing measured": (lambda image, depth: write(depth, 0.0), "no depth lies in 0.001 to 60 m: the file has 0 to 0"),
    "other scale": (
        lambda image, depth: write(depth, 20.0),
        "its median depth is 20 m, that of the set 1.95 m: a wrong scale?",
    ),
}


@pytest.fixture
def config(tmp_path):
    """Thirty good pairs, the depth of pair i is 1.5 + i / 20 m, and a config of theirs."""
    for i in range(30):
        save(tmp_path / f"{i}.png", "RGB", (32, 24), (i, i, i))
        write(tmp_path / f"{i}d.png", 1.5 + i / 20)
    (tmp_path / "split.txt").write_text("".join(f"{i}.png {i}d.png\n" for i in range(30)))
    path = tmp_path / "config.py"
    dataset = {"type": "NYUDataset", "data_root": str(tmp_path), "split": "split.txt", "max_depth": 60}
    dataset |= {"pipeline": [{"type": "RandomFlip", "prob": 0.5}]}
    path.write_text(f"data = dict(train={dataset}, val={dataset})\n")
    return path


def run(config, *options):
    with pytest.raises(SystemExit) as ended:
        main([str(config), "--workers", "2", *options])
    return ended.value.code


def test_good_pairs_have_no_fault(config, capsys):
    assert run(config) == 0
    said = capsys.readouterr().out
    assert "train: 30 pairs, 0 with a fault\n" in said
    assert "val:" not in said  # the same set: once is enough
    assert "measured pixels: 100.0% on average" in said
    assert "   1 to   2 m  33.3% #################\n" in said  # 1.50 to 1.95 m
    assert "   2 to   3 m  66.7% " in said


def test_each_kind_of_damage_is_found_and_nothing_else(config, tmp_path, capsys):
    for i, (damage, _) in enumerate(DAMAGE.values(), start=10):
        damage(tmp_path / f"{i}.png", tmp_path / f"{i}d.png")
    assert run(config, "--list", str(tmp_path / "faults.txt")) == 1
    faults = (tmp_path / "faults.txt").read_text().splitlines()
    for i, (fault, (name, (_, message))) in enumerate(zip(faults, DAMAGE.items(), strict=True), start=10):
        assert message in fault, name
        assert str(tmp_path / f"{i}.png") in fault or str(tmp_path / f"{i}d.png") in fault, name
    assert "train: 30 pairs, 12 with a fault\n" in capsys.readouterr().out


def test_depths_may_be_smaller_where_nothing_moves_pixels_but_not_of_another_shape(config, tmp_path, capsys):
    write(tmp_path / "3d.png", 2.0, (12, 16))
    write(tmp_path / "4d.png", 2.0, (24, 24))
    assert run(config, "--cfg-options", "data.train.pipeline=[]", "data.val.pipeline=[]") == 1
    said = capsys.readouterr().out
    assert "train: 30 pairs, 1 with a fault\n" in said
    assert "4.png: the image has 24 x 32 pixels, its depth 24 x 24: they do not show the same\n" in said


def test_what_a_transform_refuses_is_found_before_a_training(config, capsys):
    crop = [{"type": "RandomCrop", "crop_size": (32, 32)}]  # of images of 24 x 32
    assert run(config, "--cfg-options", f"data.train.pipeline={crop}", f"data.val.pipeline={crop}") == 1
    assert "train: 30 pairs, 30 with a fault\n" in capsys.readouterr().out


def test_a_missing_split_is_one_clear_error(config, capsys):
    assert "the split file is missing" in run(config, "--cfg-options", "data.train.split=absent.txt")


def test_nothing_to_check_and_nowhere_to_write_are_errors(config, tmp_path):
    empty = tmp_path / "empty.py"
    empty.write_text("")
    with pytest.raises(SystemExit, match="empty.py names no data"):
        main([str(empty)])
    with pytest.raises(SystemExit, match="No such file or directory.*absent"):
        main([str(config), "--list", str(tmp_path / "absent" / "faults.txt")])


def test_a_set_made_of_others_is_checked_set_by_set(config, capsys):
    """Depths ten times those of the other set are no fault of a set of its own, and what is repeated is read once."""
    text = config.read_text()
    near = text[text.index("train=") + len("train=") : text.index(", val=")]
    far = near.replace("'max_depth': 60", "'max_depth': 60, 'depth_scale': 100")
    many = f"dict(type='ConcatDataset', datasets=[dict(type='RepeatDataset', dataset={near}, times=3), {far}])"
    config.write_text(f"data = dict(train={many})\n")
    assert run(config) == 0
    said = capsys.readouterr().out
    assert "train, set 1 of 2: 30 pairs, 0 with a fault\n" in said
    assert "train, set 2 of 2: 30 pairs, 0 with a fault\n" in said
