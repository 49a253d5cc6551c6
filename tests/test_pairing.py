import pytest

from depthkit.data.pairing import alone, find


def names(root, pattern):
    return {key: path.relative_to(root).as_posix() for key, path in find(root, pattern).items()}


@pytest.fixture
def root(tmp_path):
    for path in ("a.png", "one/a.png", "one/two/a.b.jpg", "one/a_depth.npy", "one/rgb_3.png"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    return tmp_path


def test_stars_stand_for_parts_of_names_and_for_folders(root):
    assert names(root, "*.png") == {("a",): "a.png"}
    assert names(root, "**/*.png") == {
        ("", "a"): "a.png",
        ("one/", "a"): "one/a.png",
        ("one/", "rgb_3"): "one/rgb_3.png",
    }
    assert names(root, "**/rgb_*.png") == {("one/", "3"): "one/rgb_3.png"}
    assert names(root, "one/*_depth.npy") == {("a",): "one/a_depth.npy"}
    assert names(root, "one/two/*.*") == {("a.b",): "one/two/a.b.jpg"}
    assert names(root, "[a].png") == {}  # no other signs
    assert names(root, None) == {}


def test_two_files_that_stand_for_the_same_are_told_apart(root):
    (root / "a.jpg").touch()
    with pytest.raises(ValueError, match=r"a.jpg and .*a.png stand for the same: make \*.\* tell them apart"):
        find(root, "*.*")


def test_alone():
    files, partners = {("a",): "a.png", ("b",): "b.png"}, {("a",): "a.npy"}
    assert alone("images without a depth", files, partners) == ["1 of 2 are images without a depth: b.png"]
    assert alone("depths without an image", partners, files) == []
