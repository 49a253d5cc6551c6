import struct

import numpy as np
import pytest
from PIL import Image

from depthkit.data.io import (
    read_depth,
    read_image,
    read_mask,
    whole,
    write_depth_npz,
    write_depth_png,
)

DEPTH = np.array([[0, 0.001, 1.2344, 65.535]], np.float32)


def test_depth_goes_to_a_file_and_back_within_half_a_millimetre(tmp_path):
    write_depth_png(tmp_path / "d.png", DEPTH, scale=1000)
    assert Image.open(tmp_path / "d.png").mode in ("I;16", "I")  # the latter in pillow 10
    assert np.asarray(Image.open(tmp_path / "d.png")).tolist() == [[0, 1, 1234, 65535]]
    read = read_depth(tmp_path / "d.png", scale=1000)
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, np.array([[0, 0.001, 1.234, 65.535]], np.float32))


def test_depth_scale_divides(tmp_path):
    write_depth_png(tmp_path / "d.png", np.full((2, 3), 80.0), scale=256)
    np.testing.assert_array_equal(read_depth(tmp_path / "d.png", scale=256), np.full((2, 3), 80.0, np.float32))
    assert read_depth(tmp_path / "d.png", scale=1024)[0, 0] == 20


@pytest.mark.parametrize("depth", [-0.01, 65.6])
def test_depth_that_does_not_fit_is_not_written(tmp_path, depth):
    with pytest.raises(ValueError, match="d.png: depths of .* do not fit into 16 bits"):
        write_depth_png(tmp_path / "d.png", np.full((2, 2), depth), scale=1000)
    assert not (tmp_path / "d.png").exists()


@pytest.mark.parametrize("mode", ["L", "RGB", "P", "1"])
def test_depth_of_8_bits_is_refused(tmp_path, mode):
    Image.new(mode, (4, 3)).save(tmp_path / "d.png")
    with pytest.raises(ValueError, match=rf"d.png has 8 bits a channel \(mode {mode}\); depth needs a 16-bit"):
        read_depth(tmp_path / "d.png", scale=1000)


def test_depth_is_refused_as_an_image(tmp_path):
    write_depth_png(tmp_path / "d.png", DEPTH, scale=1000)
    with pytest.raises(ValueError, match="d.png has more than 8 bits"):
        read_image(tmp_path / "d.png")


def test_photos_stand_upright_as_viewers_show_them(tmp_path):
    exif = Image.Exif()
    exif[274] = 6  # the camera was held turned: the stored columns are the scene's rows
    pixels = np.zeros((4, 6, 3), np.uint8)
    pixels[:, :3] = 255
    Image.fromarray(pixels).save(tmp_path / "photo.png", exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / "photo.png"), pixels.transpose(1, 0, 2)[:, ::-1])


def test_a_careless_writer_of_exif_does_no_harm(tmp_path):
    head, entry = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2), struct.Struct("<HHII").pack
    maker = entry(271, 5, 1, 38)  # a name as a fraction, which stands behind the entries
    exif = head + maker + entry(274, 3, 1, 3) + struct.pack("<III", 0, 3, 2)
    Image.new("RGB", (4, 2), (255, 0, 0)).save(tmp_path / "photo.jpg", exif=exif)
    assert read_image(tmp_path / "photo.jpg").shape == (2, 4, 3)


@pytest.mark.parametrize("array", [np.zeros((0, 80)), np.array([["1.5"]])])
def test_an_array_that_is_no_map_is_refused_by_name(tmp_path, array):
    np.save(tmp_path / "depth.npy", array)
    with pytest.raises(ValueError, match=r"depth.npy holds .* of \(.*\); rows and columns of numbers are needed"):
        read_depth(tmp_path / "depth.npy", scale=1)


def test_images_are_rgb_whatever_the_file_is(tmp_path):
    Image.new("RGB", (4, 3), (10, 20, 30)).save(tmp_path / "rgb.png")
    Image.new("L", (4, 3), 40).save(tmp_path / "grey.png")
    Image.new("RGBA", (4, 3), (10, 20, 30, 0)).save(tmp_path / "alpha.png")
    pixels = {name: read_image(tmp_path / f"{name}.png") for name in ("rgb", "grey", "alpha")}
    assert {(image.shape, image.dtype.name) for image in pixels.values()} == {((3, 4, 3), "uint8")}
    assert pixels["rgb"][2, 3].tolist() == pixels["alpha"][2, 3].tolist() == [10, 20, 30]
    assert pixels["grey"][2, 3].tolist() == [40, 40, 40]


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
@pytest.mark.parametrize("keep", [0, 100, 0.5])
def test_a_truncated_file_is_named(tmp_path, name, keep):
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: int(keep * len(whole)) if keep < 1 else keep])
    with pytest.raises(ValueError, match=f"{name} cannot be read"):
        read_image(tmp_path / name)


def test_a_flipped_bit_is_an_error_with_the_name_or_changes_nothing(tmp_path):
    rng = np.random.default_rng(0)
    write_depth_png(tmp_path / "d.png", rng.uniform(0, 9, (8, 8)), scale=1000)
    whole, depth = (tmp_path / "d.png").read_bytes(), read_depth(tmp_path / "d.png", scale=1000)
    errors = []
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << rng.integers(8)
        (tmp_path / "d.png").write_bytes(damaged)
        try:
            np.testing.assert_array_equal(read_depth(tmp_path / "d.png", scale=1000), depth)
        except ValueError as error:
            errors.append(str(error))
    assert len(errors) > 0.8 * len(whole)
    assert all("d.png" in error for error in errors)


@pytest.mark.parametrize("read", [read_image, lambda path: read_depth(path, 1000)])
def test_a_missing_file_is_named(tmp_path, read):
    with pytest.raises(FileNotFoundError, match="there is no file .*nowhere.png"):
        read(tmp_path / "nowhere.png")


def test_arrays_that_are_no_depth_are_refused(tmp_path):
    np.save(tmp_path / "three.npy", np.zeros((4, 5, 3)))
    np.savez(tmp_path / "two.npz", a=np.zeros((4, 5)), b=np.zeros((4, 5)))
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    (tmp_path / "cut.npy").write_bytes((tmp_path / "three.npy").read_bytes()[:200])
    (tmp_path / "rgb.pfm").write_bytes(b"PF\n1 1\n-1.0\n" + bytes(12))
    (tmp_path / "cut.pfm").write_bytes(b"Pf\n2 2\n-1.0\n" + bytes(12))
    for name, message in (
        ("three.npy", r"holds float64 of \(4, 5, 3\)"),
        ("two.npz", "cannot be read as one array"),
        ("objects.npy", "cannot be read as one array"),
        ("cut.npy", "cannot be read as one array"),
        ("rgb.pfm", "begins with 'Pf'"),
        ("cut.pfm", "cannot be read"),
        ("depth.exr", r"depth is read from .png, .tif"),
    ):
        with pytest.raises(ValueError, match=f"{name}.* {message}|{name}: {message}"):
            read_depth(tmp_path / name, scale=1)


def test_a_big_endian_pfm_is_read_from_the_bottom_up(tmp_path):
    (tmp_path / "d.pfm").write_bytes(b"Pf\n2 2\n1.0\n" + np.array([3, 4, 1, 2], ">f4").tobytes())
    assert read_depth(tmp_path / "d.pfm", scale=1).tolist() == [[1, 2], [3, 4]]


def test_masks(tmp_path):
    Image.fromarray(np.array([[0, 255, 1]], np.uint8)).save(tmp_path / "m.png")
    np.save(tmp_path / "m.npy", np.array([[[0.0], [1.0], [2.0]]]))
    for name in ("m.png", "m.npy"):
        assert read_mask(tmp_path / name, (1, 3)).tolist() == [[False, True, True]]


def test_no_file_is_ever_half_written(tmp_path):
    def stop():
        with whole(tmp_path / "new" / "a.txt") as partial:
            partial.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop()
    assert list((tmp_path / "new").iterdir()) == []
    write_depth_npz(tmp_path / "new" / "d.npz", DEPTH)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["d.npz"]
    np.testing.assert_array_equal(read_depth(tmp_path / "new" / "d.npz", scale=1), DEPTH)
