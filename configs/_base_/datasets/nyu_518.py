"""NYU Depth V2 for transformers of patches of 14: images are enlarged to 518 rows, 1.08 times, in training and test.

A square of 480 x 480 pixels becomes 518 x 518. Depth keeps its pixels: none is made up by interpolation.
"""

_base_ = "nyu.py"

_test = dict(pipeline=[dict(type="ResizeToMultiple", short_side=518, multiple=14)])

data = dict(
    train=dict(
        pipeline=[
            dict(type="RandomFlip", prob=0.5),
            dict(type="RandomCrop", crop_size=(480, 480)),
            dict(type="Resize", size=(518, 518)),
        ],
    ),
    val=_test,
    test=_test,
)
