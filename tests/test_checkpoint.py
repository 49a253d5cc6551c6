import os
import pickle
import resource
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import torch

from depthkit import checkpoint

STATE = {"state_dict": {"weight": torch.arange(1000.0)}, "runner": {"epoch": 1}}


def damage(path, name):
    """Flips one bit in the stored bytes of one part of the zip file `path`."""
    with zipfile.ZipFile(path) as parts:
        info = next(info for info in parts.infolist() if info.filename.endswith(name))
    content = bytearray(path.read_bytes())
    # 30 bytes of local header, then name and extra field, whose lengths stand at bytes 26 and 28
    start = info.header_offset
    lengths = (
        int.from_bytes(content[start + 26 : start + 28], "little"),
        int.from_bytes(content[start + 28 : start + 30], "little"),
    )
    content[start + 30 + sum(lengths) + 100] ^= 1
    path.write_bytes(content)


def test_what_is_saved_is_loaded(tmp_path):
    checkpoint.save(STATE, tmp_path / "epoch_1.pth")
    loaded = checkpoint.load(tmp_path / "epoch_1.pth")
    assert torch.equal(loaded["state_dict"]["weight"], STATE["state_dict"]["weight"])
    assert loaded["runner"] == {"epoch": 1}
    assert os.listdir(tmp_path) == ["epoch_1.pth"]


def test_a_failed_save_keeps_the_old_file(tmp_path):
    path = tmp_path / "epoch_1.pth"
    checkpoint.save(STATE, path)
    with pytest.raises((pickle.PicklingError, AttributeError)):
        checkpoint.save({"state_dict": STATE["state_dict"], "bad": lambda: None}, path)
    assert checkpoint.load(path)["runner"] == {"epoch": 1}
    assert os.listdir(tmp_path) == ["epoch_1.pth"]


@pytest.mark.parametrize("numbers", [1000, 3_000_000])
def test_a_full_disk_is_the_systems_error_and_leaves_nothing_behind(tmp_path, numbers):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2048, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            checkpoint.save({"weight": torch.ones(numbers)}, tmp_path / "epoch_1.pth")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert os.listdir(tmp_path) == []


def test_a_flipped_bit_is_found(tmp_path):
    path = tmp_path / "epoch_1.pth"
    checkpoint.save(STATE, path)
    damage(path, "data/0")
    # torch itself returns the changed numbers without a word
    assert not torch.equal(torch.load(path)["state_dict"]["weight"], STATE["state_dict"]["weight"])
    with pytest.raises(ValueError, match=r"epoch_1.pth is damaged or no checkpoint: its part .*data/0"):
        checkpoint.load(path)


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", b"PK\x03\x04"])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "epoch_1.pth"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="epoch_1.pth is damaged or no checkpoint"):
        checkpoint.load(path)


def test_a_hostile_pickle_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "executed"),)

    torch.save({"state_dict": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(ValueError, match=r"evil.pth is damaged or no checkpoint"):
        checkpoint.load(tmp_path / "evil.pth")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("name", [b"numpy._core.multiarray", b"numpy.core.multiarray"])
def test_the_toolboxs_scores_are_numbers_of_numpy(tmp_path, name):
    torch.save({"meta": {"best_score": np.float32(0.125)}}, tmp_path / "new.pth")
    with zipfile.ZipFile(tmp_path / "new.pth") as new, zipfile.ZipFile(tmp_path / "best.pth", "w") as written:
        for part in new.namelist():
            written.writestr(part, new.read(part).replace(b"numpy._core.multiarray", name))
    assert checkpoint.load(tmp_path / "best.pth")["meta"]["best_score"] == 0.125


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no checkpoint .*absent.pth"):
        checkpoint.load(tmp_path / "absent.pth")


RUN = STATE | {"optimizer": {}, "meta": {}}


def test_the_newest_valid_one_is_found(tmp_path, caplog):
    assert checkpoint.find_newest(tmp_path) is None
    checkpoint.save(STATE | {"optimizer": {}}, tmp_path / "epoch_11.pth")
    for epoch in (2, 9, 10):
        checkpoint.save(RUN, tmp_path / f"epoch_{epoch}.pth")
    (tmp_path / "epoch_x.pth").write_text("not one of ours")
    assert [file.name for file in checkpoint.epoch_files(tmp_path)] == [
        f"epoch_{epoch}.pth" for epoch in (2, 9, 10, 11)
    ]
    assert checkpoint.find_newest(tmp_path).name == "epoch_10.pth"
    assert "epoch_11.pth holds no run to go on with; --load-from starts" in caplog.text
    damage(tmp_path / "epoch_10.pth", "data/0")
    assert checkpoint.find_newest(tmp_path).name == "epoch_9.pth"
    assert "epoch_10.pth is damaged" in caplog.text


def test_a_step_file_is_newer_than_epochs(tmp_path):
    for name in ("best_abs_rel_epoch_4", "epoch_3", "step_90", "step_100"):
        checkpoint.save(RUN, tmp_path / f"{name}.pth")
    assert checkpoint.find_newest(tmp_path).name == "step_100.pth"
    for name in ("step_100", "step_90"):
        damage(tmp_path / f"{name}.pth", "data/0")
    assert checkpoint.find_newest(tmp_path).name == "epoch_3.pth"
    (tmp_path / "epoch_3.pth").unlink()
    assert checkpoint.find_newest(tmp_path).name == "best_abs_rel_epoch_4.pth"


def test_a_run_that_went_back_is_newer_than_what_it_left(tmp_path):
    for seconds, epoch in enumerate((2, 3, 4, 2, 3)):
        checkpoint.save(RUN, tmp_path / f"epoch_{epoch}.pth")
        os.utime(tmp_path / f"epoch_{epoch}.pth", (seconds, seconds))
        if seconds < 4:  # the last save was interrupted before it was named the latest
            checkpoint.point_latest(tmp_path / f"epoch_{epoch}.pth")
    assert checkpoint.find_newest(tmp_path).name == "epoch_3.pth"
    (tmp_path / "epoch_3.pth").unlink()
    assert checkpoint.find_newest(tmp_path).name == "epoch_2.pth"


def flipped(content, rng):
    changed = bytearray(content)
    changed[rng.integers(len(content))] ^= 1 << rng.integers(8)
    return changed


def truncated(content, rng):
    return content[: rng.integers(len(content))]


@pytest.mark.parametrize(("change", "count"), [(flipped, 1000), (truncated, 50)])
def test_damage_anywhere_is_refused_or_changes_no_value(tmp_path, change, count):
    path, rng = tmp_path / "epoch_1.pth", np.random.default_rng(0)
    checkpoint.save(STATE, path)
    content = path.read_bytes()
    refused = 0
    for _ in range(count):
        path.write_bytes(change(content, rng))
        try:
            loaded = checkpoint.load(path)
        except ValueError:
            refused += 1
        else:
            assert torch.equal(loaded["state_dict"]["weight"], STATE["state_dict"]["weight"])
            assert loaded["runner"] == STATE["runner"]
    assert refused > 0.5 * count


def test_latest_follows(tmp_path):
    for epoch in (1, 2):
        path = tmp_path / f"epoch_{epoch}.pth"
        checkpoint.save({"epoch": epoch}, path)
        checkpoint.point_latest(path)
        assert checkpoint.load(tmp_path / "latest.pth") == {"epoch": epoch}
        assert os.readlink(tmp_path / "latest.pth") == path.name


CLAIM = (
    "import sys; from pathlib import Path; from depthkit.checkpoint import claim; claim(Path(sys.argv[1])); print(1)"
)


def test_one_process_at_a_time_claims_a_folder(tmp_path):
    command = [sys.executable, "-c", CLAIM, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
        assert first.stdout.readline() == b"1\n"
        with pytest.raises(ValueError, match=f"another run writes to {tmp_path}: wait for its end"):
            checkpoint.claim(tmp_path)
        first.kill()
    checkpoint.claim(tmp_path)
    checkpoint.claim(tmp_path)  # a process is not in its own way
