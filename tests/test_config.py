import copy
from pathlib import Path

import pytest

from depthkit.config import DEFAULTS, Config, default_work_dir, differences, format_config, load_config, merge


def write(folder, name, text):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_bases_are_merged_key_by_key(tmp_path):
    write(tmp_path, "base/model.py", "_width = 8\nmodel = dict(type='A', parts=[1, 2], inner=dict(a=1, b=_width))")
    write(tmp_path, "base/run.py", "runner = dict(max_epochs=3)")
    child = "_base_ = ['base/model.py', 'base/run.py']\nmodel = dict(parts=[3], inner=dict(b=2))"
    config = load_config(write(tmp_path, "child.py", child))
    assert config.model == {"type": "A", "parts": [3], "inner": {"a": 1, "b": 2}}
    assert config.runner.max_epochs == 3
    assert config.runner.iters_per_epoch is None  # from DEFAULTS
    assert config.log_config == DEFAULTS["log_config"]


def test_delete_replaces_a_dict():
    base = {"model": {"type": "A", "width": 8}}
    assert merge(base, {"model": {"_delete_": True, "type": "B"}}) == {"model": {"type": "B"}}
    assert base == {"model": {"type": "A", "width": 8}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("modle = dict()", "unknown key 'modle'; did you mean 'model'"),
        ("evaluation = dict(intervall=2)", "evaluation: unknown key 'intervall'; did you mean 'interval'"),
        ("model = dict(size=[len])", "model.size.0 is <built-in function len>; a config holds dicts"),
        ("_base_ = ['a.py', 'b.py']", "the key 'seed' stands in two of its bases"),
        ("_base_ = 'loop.py'", "loop.py is its own _base_"),
        ("_base_ = 5", "_base_ is 5; it takes the path of a config"),
        ("seed = (1", r"config.py does not run: SyntaxError: .*line 1"),
        ("import nothing_of_this_name", "config.py does not run: ModuleNotFoundError: No module named 'nothing"),
        ("model = dict(max_depth=float('inf'))", "model.max_depth is inf; a config holds .* finite numbers"),
        ("data = None", "data is None; it takes a dict"),
        ("evaluation = 2", "evaluation is 2; it takes a dict"),
        ("evaluation = dict(interval=0)", "evaluation.interval is 0; it takes a whole number from 1 on"),
        ("checkpoint_config = dict(max_keep_ckpts=-1)", "max_keep_ckpts is -1; it takes .* from 1 on or None"),
        ("runner = dict(max_epochs=1.5)", "runner.max_epochs is 1.5; it takes a whole number"),
        ("seed = True", "seed is True; it takes a whole number from 0 on or None"),
        ("optimizer = dict(type='SGD', lr='abc')", "optimizer.lr is 'abc'; it takes a number above 0"),
        (
            "optimizer_config = dict(grad_clip=dict(max_nrom=5))",
            "grad_clip is {'max_nrom': 5}; it takes",
        ),
        ("optimizer_config = dict(grad_clip=dict(max_norm='5m'))", "max_norm is '5m'; it takes a number above 0"),
        ("checkpoint_config = dict(minutes=-5)", "checkpoint_config.minutes is -5; it takes a number above 0 or None"),
        ("dist_params = dict(timeout=None)", "dist_params.timeout is None; it takes a number above 0$"),
        ("optimizer = dict(type='AdamW')", "optimizer has no lr; give it a number above 0"),
        ("custom_hooks = 3", "custom_hooks is 3; it takes a list of dicts"),
        ("pretrained = 5", "pretrained is 5; it takes a string or None"),
        ("log_level = 'LOUD'", "log_level is 'LOUD'; it takes one of DEBUG, INFO"),
    ],
)
def test_a_wrong_config_is_refused(tmp_path, text, message):
    write(tmp_path, "a.py", "seed = 1")
    write(tmp_path, "b.py", "seed = 2")
    write(tmp_path, "loop.py", "_base_ = 'loop.py'")
    with pytest.raises(ValueError, match=message):
        load_config(write(tmp_path, "config.py", text))


def test_a_missing_file_says_who_wanted_it(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no config .*absent.py, the _base_ of .*config.py"):
        load_config(write(tmp_path, "config.py", "_base_ = 'absent.py'"))


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("model.parts.0.size=(96,128)", (96, 128)),
        ("model.parts.0.size=1,2", (1, 2)),
        ("model.parts.0.size=None", None),
        ("model.parts.0.size=true", True),
        ("model.parts.0.size=1e-4", 1e-4),
        ("model.parts.0.size=data/nyu=x", "data/nyu=x"),
        ("model.parts.0.size=", ""),
    ],
)
def test_overrides(tmp_path, override, value):
    path = write(tmp_path, "config.py", "model = dict(parts=[dict(size=1)])")
    assert load_config(path, [override]).model.parts[0].size == value


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.pats.0.size=1", "there is no key 'pats' in 'model'; did you mean 'parts'"),
        ("model.parts.1.size=1", "'1' is no index of the 1 items in 'model.parts'"),
        ("model.parts.0.sise=1", "no key 'sise' in 'model.parts.0'; did you mean 'size'"),
        ("seed.a=1", "'seed' is None, which has no parts"),
        ("sed=1", "no key 'sed' at the top level; did you mean 'seed'"),
        ("seed", "the override 'seed' has no '='"),
        ("log_config.interval=often", "log_config.interval is 'often'; it takes a whole number from 1 on"),
        ("runner={'max_iters': 3}", "unknown key 'max_iters'; did you mean 'max_epochs'"),
        ("lr_config=None", "lr_config is None; it takes a dict"),
    ],
)
def test_a_wrong_override_is_refused(tmp_path, override, message):
    path = write(tmp_path, "config.py", "model = dict(parts=[dict(size=1)])")
    with pytest.raises(ValueError, match=message):
        load_config(path, [override])


def test_an_override_changes_no_part_that_the_file_uses_twice(tmp_path):
    path = write(tmp_path, "config.py", "_steps = [dict(size=1)]\ndata = dict(val=dict(p=_steps), test=dict(p=_steps))")
    config = load_config(path, ["data.val.p.0.size=2"])
    assert (config.data.val.p[0].size, config.data.test.p[0].size) == (2, 1)


def test_differences_are_lines():
    before, now = {"a": {"b": 1, "c": [2]}, "d": None}, {"a": {"b": 1, "c": [3]}, "d": {"e": 4}}
    assert list(differences(before, now)) == ["a.c: [2] -> [3]", "d: None -> {'e': 4}"]
    assert list(differences({"a": [1, 2]}, {"a": (1, 2)})) == []  # an override's tuple is the file's list


def test_overrides_leave_the_defaults_alone(tmp_path):
    before = copy.deepcopy(DEFAULTS)
    load_config(write(tmp_path, "config.py", ""), ["evaluation.interval=7", "log_config.hooks.0.type=X"])
    assert before == DEFAULTS


def test_the_formatted_config_loads_back_equal(tmp_path):
    text = (
        "model = dict(a=(1, 2), b=[dict(c=None, d='it\\'s')], e=1e-8, f=True)\ndata = dict(train=dict(x='" + "y" * 200
    )
    config = load_config(write(tmp_path, "config.py", text + "'))"))
    again = load_config(write(tmp_path, "again.py", format_config(config)))
    assert again == config
    assert type(again.plain()["model"]) is dict
    assert type(again.plain()["model"]["b"][0]) is dict


def test_keys_are_attributes():
    config = Config({"a": [{"b": 1}]})
    assert config.a[0].b == 1
    with pytest.raises(AttributeError, match="no key 'c' here, only a"):
        _ = config.c
    with pytest.raises(AttributeError):
        config.a = 1  # it would not be in the dict


@pytest.mark.parametrize(
    ("path", "work_dir"),
    [
        ("configs/depthformer/x.py", "work_dirs/depthformer/x"),
        ("/somewhere/configs/old/configs/x.py", "work_dirs/x"),
        ("/elsewhere/x.py", "work_dirs/x"),
    ],
)
def test_default_work_dir(path, work_dir):
    assert default_work_dir(path) == Path(work_dir)
