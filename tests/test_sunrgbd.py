import numpy as np
from layouts import image, write
from PIL import Image

from depthkit.data.sunrgbd import SUNRGBDDataset


def test_bits_are_rotated_back(tmp_path):
    """The dataset's own reader rotates 16 bits to the right by three: 1 is in the file for 2^13, 8 for 1 mm."""
    image(tmp_path / "SUNRGBD/kv2/scene/image/0000103.jpg", (2, 3))
    numbers = np.array([[0, 8, 1], [0x1F40, 0xFA00, 0xFFFF]], np.uint16)
    path = tmp_path / "SUNRGBD/kv2/scene/depth/0000103.png"
    path.parent.mkdir()
    Image.fromarray(numbers).save(path)
    write(tmp_path / "split.txt", "SUNRGBD/kv2/scene/image/0000103.jpg SUNRGBD/kv2/scene/depth/0000103.png")
    dataset = SUNRGBDDataset(data_root=str(tmp_path), split="split.txt", max_depth=8)
    expected = np.array([[0, 0.001, 8.192], [1.0, 8.0, 65.535]], np.float32)
    np.testing.assert_array_equal(dataset.load(0).depth, expected)
    # the same where pillow gives the numbers 32 bits
    Image.fromarray(numbers.astype(np.int32)).save(path, format="TIFF")
    np.testing.assert_array_equal(dataset.load(0).depth, expected)
    # 8.192 m and more are beyond the range
    np.testing.assert_array_equal(dataset[0, 0]["depth"][0], np.array([[0, 0.001, 0], [1.0, 8.0, 0]], np.float32))
    assert "intrinsics" not in dataset[0, 0]
