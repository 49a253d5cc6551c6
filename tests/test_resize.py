import numpy as np
from samples import COLUMN, ROW, make_sample, projected, rng, sentinel

from depthkit.data.transforms import Resize


def test_resize_leaves_depth_alone():
    before = make_sample()
    sample = Resize((240, 320))(before, rng())
    assert sample.image.shape == (240, 320, 3)
    assert sample.depth is before.depth
    np.testing.assert_allclose(projected(sample), ((ROW + 0.5) / 2 - 0.5, (COLUMN + 0.5) / 2 - 0.5), atol=1e-3)
    np.testing.assert_allclose(sentinel(sample)[0], projected(sample), atol=0.5)
    np.testing.assert_allclose(sample.intrinsics[:2, 2], (162.5412, 126.6181), rtol=1e-5)
