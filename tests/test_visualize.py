import numpy as np
import pytest

from depthkit.visualize import colorize, colorize_error, strip


def test_near_is_brighter_than_far_on_a_fixed_scale():
    shades = colorize(np.linspace(0.5, 10, 32)[None], 0, 10).astype(int).sum(axis=2)[0]
    assert (np.diff(shades) < 0).all()
    alone = colorize(np.array([[2.0]]), 0, 10)
    beside = colorize(np.array([[2.0, 9.0]]), 0, 10)
    assert (alone[0, 0] == beside[0, 0]).all()
    assert (colorize(np.array([[12.0]]), 0, 10) == colorize(np.array([[10.0]]), 0, 10)).all()


@pytest.mark.parametrize("missing", [0.0, -1.0, np.nan, np.inf])
def test_what_was_not_measured_is_grey(missing):
    picture = colorize(np.full((8, 8), missing), 0, 10)
    assert (picture == picture[..., :1]).all()  # grey, which no colour of the map is
    measured = colorize(np.linspace(0.1, 10, 64).reshape(8, 8), 0, 10).astype(int)
    assert (np.ptp(measured, axis=2) > 20).all()


def test_errors_are_relative_and_blank_where_unmeasured():
    target = np.array([[2.0, 4.0, 0.0]])
    right, wrong = colorize_error(target, target), colorize_error(target * 1.3, target)
    assert right[0, 0].sum() < wrong[0, 0].sum()
    assert (wrong[0, 0] == wrong[0, 1]).all()
    assert (right[0, 2] == right[0, 2, 0]).all()


def test_a_strip_takes_depths_of_any_size_and_invents_none():
    image = np.zeros((8, 12, 3), np.uint8)
    target = np.array([[1.0, 9.0], [9.0, 1.0]], np.float32)
    panel = strip(image, target, np.ones((4, 6), np.float32), 0, 10)
    assert panel.shape == (8, 48, 3)
    assert panel.dtype == np.uint8
    assert (panel[:, :12] == 0).all()
    assert len(np.unique(panel[:, 12:24].reshape(-1, 3), axis=0)) == 2
