"""KITTI's depth prediction benchmark: https://www.cvlibs.net/datasets/kitti/eval_depth.php?benchmark=depth_prediction.

Training and validation are scored up to 88 m. The depth of the test images is secret: what depthkit.test --format-only
writes goes to the benchmark's server. Colours change in half of the images, in the toolbox in all of them.
"""

_base_ = ["kitti.py"]

_benchmark = dict(max_depth=88, protocol="kitti_benchmark")

data = dict(
    train=dict(split="kitti_benchmark_train.txt", max_depth=88),
    val=dict(split="kitti_benchmark_val.txt", **_benchmark),
    test=dict(
        _delete_=True,
        type="KITTIBenchmarkTest",
        data_root="data/kitti/test_depth_prediction_anonymous",
        **_benchmark,
    ),
)
