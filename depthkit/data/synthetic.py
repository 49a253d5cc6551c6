"""Rendered rooms: images with exact depth that need no files, cast ray by ray in numpy.

A closed room holds boxes and spheres under one or two lamps. Sizes, poses, textures, lamps and exposure are drawn at
random and independently of depth, so that depth can only be learnt by seeing. World axes in metres: z points up.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from depthkit.data.dataset import DepthDataset
from depthkit.data.sample import Sample, pinhole
from depthkit.registry import DATA


@DATA.register
@dataclass(kw_only=True, eq=False)
class SyntheticDataset(DepthDataset):
    """`num_images` rooms of `height` x `width` pixels, each fixed by (scene_seed, index)."""

    num_images: int
    height: int
    width: int
    scene_seed: int

    def __len__(self) -> int:
        return self.num_images

    def load(self, index: int) -> Sample:
        rng = np.random.default_rng((self.scene_seed, index))
        image, depth, intrinsics = render(rng, self.height, self.width)
        return Sample(image, depth, f"room {index} of scene_seed {self.scene_seed}", intrinsics)


@dataclass
class Box:
    """A box on the floor: centre and half its size (3,), turned by `angle` about the vertical."""

    centre: np.ndarray
    half: np.ndarray
    angle: float


@dataclass
class Sphere:
    centre: np.ndarray
    radius: float


class Hits:
    """What each of N rays has met first so far."""

    def __init__(self, count: int) -> None:
        self.depth = np.full(count, np.inf, np.float32)
        self.surface = np.zeros(count, np.int32)  # whose texture is seen
        self.normal = np.zeros((count, 3), np.float32)
        self.local = np.zeros((count, 3), np.float32)  # the point in the surface's own frame, for its texture

    def update(
        self, nearer: np.ndarray, depth: np.ndarray, surface: Any, normal: np.ndarray, local: np.ndarray
    ) -> None:
        """Takes over the rays with index `nearer`, for which the other arrays hold one row each."""
        self.depth[nearer] = depth
        self.surface[nearer] = surface
        self.normal[nearer] = normal
        self.local[nearer] = local


def render(rng: np.random.Generator, height: int, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A room drawn from `rng`: image uint8 (H,W,3), depth float32 (H,W) along the optical axis in metres, and the
    camera's intrinsics float32 (3,3)."""
    room = rng.uniform((2.6, 2.6, 2.4), (8.5, 8.5, 3))
    # away from the middle, looking across it: not at a wall close by
    bearing = rng.uniform(0, 2 * np.pi)
    aside = rng.uniform(0.5, 1) * (room[:2] / 2 - 0.4) * (np.cos(bearing), np.sin(bearing))
    camera = np.array([*(room[:2] / 2 + aside), rng.uniform(1.45, 1.55)])
    yaw = bearing + np.pi + rng.normal(0, 0.35)
    rotation = camera_rotation(yaw, pitch=rng.uniform(-0.2, -0.15), roll=rng.normal(0, 0.01))
    intrinsics = camera_intrinsics(rng.uniform(64, 66), height, width)
    rays = cast_rays(intrinsics, rotation, height, width)
    things = furnish(rng, room, camera)

    hits = Hits(len(rays))
    meet_walls(hits, camera, rays, room)
    for surface, thing in enumerate(things, start=6):
        meet = meet_box if isinstance(thing, Box) else meet_sphere
        meet(hits, camera, rays, thing, surface)

    points = camera + rays * hits.depth[:, None]
    colour = paint(rng, hits, num_surfaces=6 + len(things)) * light(rng, points, hits.normal, room)[:, None]
    image = expose(rng, colour).reshape(height, width, 3)
    return image, hits.depth.reshape(height, width), intrinsics


def camera_intrinsics(field_of_view: float, height: int, width: int) -> np.ndarray:
    """(3,3), for a horizontal field of view in degrees; pixel centres are integers, the optical axis is central."""
    focal = width / 2 / np.tan(np.radians(field_of_view) / 2)
    return pinhole(focal, focal, (width - 1) / 2, (height - 1) / 2)


def camera_rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """(3,3), camera to world, radians. The camera's axes are right, down, forward; pitch is positive upwards."""
    level = np.array([[0, 0, 1], [-1, 0, 0], [0, -1, 0]], np.float64)  # looks along world x
    c, s = np.cos(pitch), np.sin(pitch)
    nod = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    tilt = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    return turn(yaw) @ level @ nod @ tilt


def turn(angle: float) -> np.ndarray:
    """(3,3), about the vertical by `angle` radians."""
    return np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])


def cast_rays(intrinsics: np.ndarray, rotation: np.ndarray, height: int, width: int) -> np.ndarray:
    """(H*W, 3) world directions, of length 1 along the optical axis: what a ray is multiplied by is planar depth."""
    row, column = np.mgrid[:height, :width]
    pixels = np.stack([column.ravel(), row.ravel(), np.ones(height * width)])
    return (rotation @ np.linalg.inv(intrinsics) @ pixels).T.astype(np.float32)


def furnish(rng: np.random.Generator, room: np.ndarray, camera: np.ndarray) -> list[Box | Sphere]:
    """Boxes and spheres on the floor, none of them around the camera."""
    things: list[Box | Sphere] = []
    for _ in range(rng.integers(2, 6)):
        half = rng.uniform((0.15, 0.15, 0.1), (0.5, 0.5, 0.6))
        place = rng.uniform((0.3, 0.3), room[:2] - 0.3)
        things.append(Box(np.array([*place, half[2]]), half, rng.uniform(0, np.pi)))
    for _ in range(rng.integers(1, 3)):
        radius = rng.uniform(0.12, 0.45)
        place = rng.uniform((0.5, 0.5), room[:2] - 0.5)
        things.append(Sphere(np.array([*place, radius]), radius))
    return [thing for thing in things if np.linalg.norm((thing.centre - camera)[:2]) > reach(thing) + 1.2]


def reach(thing: Box | Sphere) -> float:
    """How far it extends sideways from its centre."""
    return thing.radius if isinstance(thing, Sphere) else float(np.hypot(*thing.half[:2]))


def meet_walls(hits: Hits, camera: np.ndarray, rays: np.ndarray, room: np.ndarray) -> None:
    """Every ray leaves the room, whose corner is the origin, through one of its six sides: surfaces 0 to 5."""
    outwards = rays > 0
    with np.errstate(divide="ignore"):
        to_side = np.where(outwards, room - camera, camera) / np.abs(rays)  # infinite along a wall
    axis = to_side.argmin(axis=1)
    every = np.arange(len(rays))
    depth = to_side[every, axis]
    normal = np.zeros_like(hits.normal)
    normal[every, axis] = np.where(outwards[every, axis], -1, 1)
    hits.update(every, depth, 2 * axis + outwards[every, axis], normal, camera + rays * depth[:, None])


def meet_box(hits: Hits, camera: np.ndarray, rays: np.ndarray, box: Box, surface: int) -> None:
    """A ray meets a box where it has entered all three of its slabs before it leaves the first (Kay & Kajiya 1986)."""
    into = turn(-box.angle).astype(np.float32)
    origin, rays = into @ (camera - box.centre).astype(np.float32), rays @ into.T
    rays = np.where(rays == 0, np.float32(1e-9), rays)  # a ray along a side is inside the slab for ever, or never
    middle, spread = -origin / rays, np.abs(box.half.astype(np.float32) / rays)
    entry = (middle - spread).max(axis=1)
    nearer = np.flatnonzero((entry > 0) & (entry < (middle + spread).min(axis=1)) & (entry < hits.depth))
    depth, rays = entry[nearer], rays[nearer]
    axis = (middle - spread)[nearer].argmax(axis=1)
    normal = np.zeros_like(rays)
    every = np.arange(len(nearer))
    normal[every, axis] = -np.sign(rays[every, axis])
    hits.update(nearer, depth, surface, normal @ into, origin + rays * depth[:, None])


def meet_sphere(hits: Hits, camera: np.ndarray, rays: np.ndarray, sphere: Sphere, surface: int) -> None:
    """The nearer root of |camera + depth * ray - centre| = radius."""
    origin = (camera - sphere.centre).astype(np.float32)
    a, b, c = (rays * rays).sum(axis=1), rays @ origin, origin @ origin - sphere.radius**2
    root = b * b - a * c
    depth = (-b - np.sqrt(np.maximum(root, 0))) / a
    nearer = np.flatnonzero((root > 0) & (depth > 0) & (depth < hits.depth))
    local = origin + rays[nearer] * depth[nearer, None]
    hits.update(nearer, depth[nearer], surface, local / np.float32(sphere.radius), local)


def paint(rng: np.random.Generator, hits: Hits, num_surfaces: int) -> np.ndarray:
    """(N,3) in 0..1: each surface is a mixture of two colours in one of four patterns, of a random scale."""
    # light walls, a dark floor and a pale ceiling, things of any colour
    darkest, brightest = np.full(num_surfaces, 0.1), np.full(num_surfaces, 0.9)
    darkest[:4], darkest[4], darkest[5] = 0.5, 0.15, 0.8
    brightest[4], brightest[5] = 0.45, 1
    first = rng.uniform(darkest, brightest, (3, num_surfaces)).T.astype(np.float32)
    second = np.clip(first + rng.normal(0, 0.07, (num_surfaces, 3)), 0.05, 1).astype(np.float32)
    pattern = rng.integers(0, 4, num_surfaces)[hits.surface]
    scale = np.exp(rng.uniform(np.log(5), np.log(15), num_surfaces)).astype(np.float32)
    direction = rng.normal(size=(num_surfaces, 3, 3)).astype(np.float32)
    direction /= np.linalg.norm(direction, axis=2, keepdims=True)

    place = hits.local * scale[hits.surface, None]
    checker = np.floor(place / 3 + 0.37).sum(axis=1) % 2  # shifted: no side of a thing lies on a border of the pattern
    waves = np.sin((direction[hits.surface] @ place[:, :, None])[:, :, 0])
    stripes = waves[:, 0] > 0
    clouds = (waves.sum(axis=1) + 3) / 6
    mixture = np.select([pattern == 1, pattern == 2, pattern == 3], [checker, stripes, clouds]).astype(np.float32)[
        :, None
    ]
    return first[hits.surface] * (1 - mixture) + second[hits.surface] * mixture


def light(rng: np.random.Generator, points: np.ndarray, normal: np.ndarray, room: np.ndarray) -> np.ndarray:
    """(N,) brightness: what is everywhere, and Lambert's cosine for one or two lamps anywhere in the upper room."""
    brightness = np.full(len(points), rng.uniform(0.25, 0.5), np.float32)
    for _ in range(rng.integers(1, 3)):
        lamp = rng.uniform((0.2, 0.2, 1.8), room - 0.1).astype(np.float32)
        towards = lamp - points.astype(np.float32)
        distance = np.sqrt((towards * towards).sum(axis=1))
        cosine = np.maximum((towards * normal).sum(axis=1) / distance, 0)
        brightness += np.float32(rng.uniform(0.4, 0.9)) * cosine / (0.5 + 0.1 * distance)
    return brightness


def expose(rng: np.random.Generator, colour: np.ndarray) -> np.ndarray:
    """uint8: white balance, exposure, gamma and sensor noise."""
    colour = colour * rng.uniform(0.85, 1.15, 3).astype(np.float32) * np.float32(rng.uniform(0.7, 1.1))
    bright = np.clip(colour, 0, 1) ** np.float32(rng.uniform(0.6, 1.0))
    noise = rng.standard_normal(colour.shape, np.float32) * np.float32(rng.uniform(0.005, 0.02))
    return (np.clip(bright + noise, 0, 1) * 255).round().astype(np.uint8)
