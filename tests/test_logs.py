import json
import re

import torch

from depthkit import logs

RECORD = {
    "mode": "train",
    "epoch": 3,
    "iter": 1200,
    "lr": 3.5432e-05,
    "eta": 11632.7,
    "time": 0.3571,
    "data_time": 0.0094,
    "memory": 15394,
    "decode.loss_depth": 0.13812,
    "loss": 0.13812,
    "grad_norm": 1.45113,
}


def test_text_line():
    assert logs.text_line(RECORD, 1514) == (
        "Epoch [3][1200/1514]\tlr: 3.543e-05, eta: 3:13:52, time: 0.357, data_time: 0.009, memory: 15394, "
        "decode.loss_depth: 0.1381, loss: 0.1381, grad_norm: 1.4511"
    )


def test_json_line_keeps_full_precision():
    record = json.loads(logs.json_line({**RECORD, "lr": 4e-08}))
    assert record["lr"] == 4e-08
    assert record["decode.loss_depth"] == 0.13812
    assert (record["mode"], record["epoch"], record["iter"]) == ("train", 3, 1200)
    assert "eta" not in record


def test_rank_0_writes_the_file_and_others_only_warn(tmp_path, logger, capsys):
    logs.setup(tmp_path / "0.log", "INFO", rank=0)
    logger.info("started")
    line = (tmp_path / "0.log").read_text()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} - depthkit - INFO - started\n", line)
    assert capsys.readouterr().out == line
    logs.setup(tmp_path / "1.log", "INFO", rank=1)
    logger.info("started")
    logger.warning("trouble")
    assert not (tmp_path / "1.log").exists()
    assert re.fullmatch(r".* - depthkit rank 1 - WARNING - trouble\n", capsys.readouterr().out)


def test_environment_and_memory():
    facts = logs.environment(torch.device("cpu"), 2)
    assert torch.__version__.split("+")[0] in facts["packages"]
    assert facts["processes"].startswith("2, ")


def test_peak_memory_counts_megabytes():
    block = torch.ones(500, 2**18)  # 500 MB of float32
    assert 500 < logs.peak_memory(torch.device("cpu")) < 20_000
    assert block.sum() == block.numel()


def test_progress_is_silent_away_from_a_terminal(capsys):
    assert list(logs.progress(iter("abc"), 3, "reading")) == ["a", "b", "c"]
    assert capsys.readouterr() == ("", "")


def test_progress_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert list(logs.progress(range(2), 2, "reading")) == [0, 1]
    shown = capsys.readouterr().err
    assert "reading [###############...............] 1/2" in shown
    assert shown.endswith("2/2\n")
