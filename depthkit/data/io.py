"""Image and depth files to arrays, and back. Every error names the file."""

import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import numpy as np
from PIL import Image
from PIL.ExifTags import Base as Exif

# pillow's words for damage; a changed byte can also ask for an absurd size
DAMAGE = (OSError, SyntaxError, ValueError, struct.error, Image.DecompressionBombError)
# what makes a photo upright, by the orientation in its EXIF data
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _open(path: str | Path) -> Image.Image:
    """The decoded image, upright as its camera held it; a file that is missing, damaged or no image is an error that
    names it."""
    try:
        with Image.open(path) as image:
            image.load()
            orientation = image.getexif().get(Exif.Orientation)
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no file {path}") from None
    except DAMAGE as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    return image.transpose(UPRIGHT[orientation]) if orientation in UPRIGHT else image


def _is_8_bit(image: Image.Image) -> bool:
    return not image.mode.startswith(("I", "F"))  # pillow's modes of 16 and 32 bits


def read_image(path: str | Path) -> np.ndarray:
    """uint8 (H, W, 3), RGB."""
    image = _open(path)
    if not _is_8_bit(image):
        raise ValueError(f"{path} has more than 8 bits (mode {image.mode}), as depth has; an image is needed here")
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


def read_depth(path: str | Path, scale: float) -> np.ndarray:
    """float32 (H, W), metres: the numbers in the file (16-bit PNG, float TIFF, PFM, .npy or .npz) divided by `scale`;
    0 stays 0, not measured."""
    suffix = Path(path).suffix.lower()
    if suffix not in READERS:
        raise ValueError(f"{path}: depth is read from {', '.join(READERS)} files")
    numbers = READERS[suffix](path)
    return one_channel(numbers, path).astype(np.float32) / np.float32(scale)


def read_png(path: str | Path) -> np.ndarray:
    """The 16-bit numbers (H, W) in a file."""
    image = _open(path)
    if _is_8_bit(image):
        raise ValueError(f"{path} has 8 bits a channel (mode {image.mode}); depth needs a 16-bit grey image")
    return np.asarray(image)


def read_mask(path: str | Path, size: tuple[int, int]) -> np.ndarray:
    """bool, of `size` (H, W): True where a mask, an image, .npy or .npz file, is not 0."""
    mask = read_array(path) if Path(path).suffix in (".npy", ".npz") else np.asarray(_open(path).convert("L"))
    mask = one_channel(mask, path)
    if mask.shape != size:
        raise ValueError(f"{path} has {mask.shape} pixels, its depth {size}")
    return mask > 0


def one_channel(array: np.ndarray, path: str | Path) -> np.ndarray:
    """(H, W), (H, W, 1) or (1, H, W) -> (H, W)."""
    if array.ndim == 3 and 1 in (array.shape[0], array.shape[2]):
        array = array[..., 0] if array.shape[2] == 1 else array[0]
    if array.ndim != 2 or not array.size or array.dtype.kind not in "buif":
        raise ValueError(f"{path} holds {array.dtype} of {array.shape}; rows and columns of numbers are needed")
    return array


def read_array(path: str | Path) -> np.ndarray:
    """The array in an .npy file, or the only one in an .npz file."""
    try:
        content = np.load(path, allow_pickle=False)
        if isinstance(content, np.ndarray):
            return content
        with content:
            (name,) = content.files
            return content[name]
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no file {path}") from None
    except (*DAMAGE, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} cannot be read as one array: {error}") from error


def read_pfm(path: str | Path) -> np.ndarray:
    """float32 (H, W) of a one-channel PFM file: three lines of header, then rows from the bottom up."""
    try:
        with open(path, "rb") as file:
            kind, size, scale = (file.readline().decode("ascii").strip() for _ in range(3))
            width, height = map(int, size.split())
            numbers = np.frombuffer(file.read(), "<f4" if float(scale) < 0 else ">f4")
            if kind != "Pf":
                raise ValueError(f"its first line is {kind!r}; a one-channel PFM begins with 'Pf'")
            return numbers.reshape(height, width)[::-1].astype(np.float32)
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no file {path}") from None
    except ValueError as error:
        raise ValueError(f"{path} cannot be read: {error}") from error


READERS = {".png": read_png, ".tif": read_png, ".tiff": read_png, ".pfm": read_pfm}
READERS |= {".npy": read_array, ".npz": read_array}


def write_depth_png(path: str | Path, depth: np.ndarray, scale: float) -> None:
    """Writes `depth` (H, W), metres, as a 16-bit PNG of depth * `scale`; what does not fit is an error."""
    numbers = np.rint(depth * scale)
    if not (numbers.min() >= 0 and numbers.max() <= 65535):
        raise ValueError(
            f"{path}: depths of {depth.min():g} to {depth.max():g} m times {scale:g} do not fit into 16 bits"
        )
    write_image(path, numbers.astype(np.uint16))


def write_depth_npz(path: str | Path, depth: np.ndarray) -> None:
    """Writes `depth` (H, W), metres, as the float32 array "depth" of an .npz file."""
    with whole(path) as partial:
        np.savez_compressed(partial, depth=depth.astype(np.float32))


def write_image(path: str | Path, pixels: np.ndarray) -> None:
    """Writes uint8 (H, W, 3) or uint16 (H, W) in the format that the path's suffix names."""
    with whole(path) as partial:
        Image.fromarray(pixels).save(partial)


@contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """Gives the path of a file to write, in a folder that is made if need be; it becomes `path` once it is whole."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # of another name in each process, since two may write the same file; formats follow from the suffix
    partial = path.with_name(f".partial-{uuid4().hex}-{path.name}")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
