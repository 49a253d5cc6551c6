import numpy as np
import pytest

from depthkit.data.synthetic import (
    Box,
    Hits,
    Sphere,
    SyntheticDataset,
    camera_intrinsics,
    camera_rotation,
    cast_rays,
    meet_box,
    meet_sphere,
    meet_walls,
    render,
)
from depthkit.evaluate import constant_map

ROOM = np.array([6.0, 5.0, 3.0])
CAMERA = np.array([1.0, 2.5, 1.5])


def view(*things):
    """A 9 x 11 view along x, from CAMERA to the wall at x = 6; returns the hits as maps and the intrinsics."""
    intrinsics = camera_intrinsics(60, 9, 11)
    rays = cast_rays(intrinsics, camera_rotation(yaw=0, pitch=0, roll=0), 9, 11)
    hits = Hits(len(rays))
    meet_walls(hits, CAMERA, rays, ROOM)
    for surface, thing in enumerate(things, start=6):
        (meet_box if isinstance(thing, Box) else meet_sphere)(hits, CAMERA, rays, thing, surface)
    return hits.depth.reshape(9, 11), hits.surface.reshape(9, 11), hits.normal.reshape(9, 11, 3), intrinsics


def test_a_wall_straight_ahead_has_one_planar_depth():
    depth, surface, normal, _ = view()
    ahead = surface == 1
    assert ahead[4].sum() > 5
    assert depth[ahead] == pytest.approx(5.0)  # also off the axis: depth is not the length of the ray
    assert (normal[ahead] == (-1, 0, 0)).all()


def test_the_floor_lies_under_the_camera():
    depth, surface, _, intrinsics = view()
    rows, columns = np.nonzero(surface == 4)
    below = (rows - intrinsics[1, 2]) / intrinsics[1, 1] * depth[rows, columns]
    assert len(rows) > 0
    assert below == pytest.approx(1.5, rel=1e-5)


def test_boxes_and_spheres_by_hand():
    middle = (4, 5)  # the ray along the axis
    box = Box(np.array([4.0, 2.5, 1.5]), np.array([0.5, 1.0, 0.3]), angle=0)
    assert view(box)[0][middle] == pytest.approx(2.5)
    turned = Box(np.array([4.0, 2.5, 1.5]), np.array([0.5, 1.0, 0.3]), angle=np.pi / 2)
    assert view(turned)[0][middle] == pytest.approx(2.0)
    assert view(turned)[2][middle] == pytest.approx((-1, 0, 0), abs=1e-6)
    sphere = Sphere(np.array([4.0, 2.5, 1.5]), radius=0.4)
    assert view(sphere)[0][middle] == pytest.approx(2.6)
    # the nearer of two hides the other, whichever comes first
    for things in ((box, turned), (turned, box)):
        assert view(*things)[0][middle] == pytest.approx(2.0)


def test_a_room_is_fixed_by_seed_and_index():
    one, same = (SyntheticDataset(num_images=3, height=24, width=32, scene_seed=5, max_depth=10) for _ in range(2))
    other = SyntheticDataset(num_images=3, height=24, width=32, scene_seed=6, max_depth=10)
    assert len(one) == 3
    assert (one.load(1).image == same.load(1).image).all()
    assert (one.load(1).depth == same.load(1).depth).all()
    assert (one.load(1).depth != one.load(2).depth).any()
    assert (one.load(1).depth != other.load(1).depth).any()
    sample = one.load(0)
    assert sample.image.dtype == np.uint8
    assert sample.depth.dtype == sample.intrinsics.dtype == np.float32


def test_every_pixel_has_an_indoor_depth():
    depths = np.stack([render(np.random.default_rng((1, index)), 24, 32)[1] for index in range(100)])
    assert depths.min() > 0.3
    assert depths.max() < 10


def features(images):
    """Colour, its square, and place of each pixel, with their products: what a linear fit may use."""
    count, height, width = images.shape[:3]
    y, x = (np.broadcast_to(axis, (count, height, width)) for axis in np.mgrid[:height, :width] / height - 0.5)
    colour = [images[..., channel] / 255 - 0.5 for channel in range(3)]
    terms = [np.ones_like(x), x, y, x * x, y * y, x * y, y**3, *colour]
    terms += [c * c for c in colour] + [c * y for c in colour]
    return np.stack(terms, axis=-1).reshape(-1, len(terms))


def test_the_rooms_are_honest():
    """Depth cannot be read off colour and place: on unseen rooms, a linear fit is hardly better than a constant map."""
    train, unseen = (
        [render(np.random.default_rng((seed, index)), 24, 32) for index in range(count)]
        for seed, count in ((0, 300), (1, 100))
    )
    (images, depths), (new_images, new_depths) = (
        [np.stack([room[k] for room in rooms]) for k in (0, 1)] for rooms in (train, unseen)
    )
    constant = (abs(constant_map(depths) - new_depths) / new_depths).mean()
    assert 0.2 < constant < 0.4
    for forward, back in ((np.log, np.exp), (lambda d: d, lambda d: d)):
        fit = np.linalg.lstsq(features(images), forward(depths).ravel(), rcond=None)[0]
        fitted = np.maximum(back(features(new_images) @ fit), 0.1)
        error = (abs(fitted - new_depths.ravel()) / new_depths.ravel()).mean()
        assert error > 0.7 * constant
