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


def test_what_lies_beside_images_and_depths_is_no_file_to_pair(root):
    (root / ".thumbnails").mkdir()
    for path in (".DS_Store", "._a.png", ".thumbnails/a.png", "Thumbs.db", "a.json"):
        (root / path).touch()
    assert set(names(root, "**/*.*").values()) == {
        "a.png",
        "one/a.png",
        "one/two/a.b.jpg",
        "one/a_depth.npy",
        "one/rgb_3.png",
    }


def test_linked_folders_are_followed(root, tmp_path_factory):
    linked = tmp_path_factory.mktemp("linked")
    (linked / "rgb").symlink_to(root / "one")
    assert names(linked, "rgb/**/*.jpg") == {("two/", "a.b"): "rgb/two/a.b.jpg"}


def test_one_letter_stored_in_two_ways_is_one(tmp_path):
    (tmp_path / "gr\u00f6\u00dfe.png").touch()  # o with diaeresis as one sign, and as two
    (tmp_path / "gro\u0308\u00dfe.npy").touch()
    assert find(tmp_path, "*.png").keys() == find(tmp_path, "*.npy").keys()
