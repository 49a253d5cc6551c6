import pytest

from depthkit.registry import Registry


class Inner:
    def __init__(self, size):
        self.size = size + 0


class Outer:
    def __init__(self, inner, items=(), parameters=None):
        self.inner, self.items, self.parameters = inner, items, parameters


@pytest.fixture
def registry():
    registry = Registry("part")
    registry.register(Inner)
    registry.register(Outer)
    return registry


def test_nested_dicts_are_built_inside_out(registry):
    outer = registry.build(
        {"type": "Outer", "inner": {"type": "Inner", "size": 1}, "items": ({"type": "Inner", "size": 2}, {"size": 3})},
        parameters=[4],
    )
    assert outer.inner.size == 1
    assert outer.items[0].size == 2
    assert outer.items[1] == {"size": 3}
    assert outer.parameters == [4]


def test_a_name_taken_twice_is_refused(registry):
    with pytest.raises(ValueError, match="part 'Inner' is registered twice"):
        registry.register(Inner)


def test_a_wrong_type_names_the_close_one(registry):
    with pytest.raises(ValueError, match="there is no part 'Iner'; did you mean 'Inner'"):
        registry.build({"type": "Outer", "inner": {"type": "Iner", "size": 1}})


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"type": "Inner", "sise": 1}, "part 'Inner': missing a required argument: 'size'; it takes: size"),
        ({"type": "Inner", "size": 1, "sise": 1}, "part 'Inner': got an unexpected keyword argument 'sise'"),
        ({"type": "Inner", "size": "1"}, "part 'Inner': can only concatenate .*; it was given {'type': 'Inner'"),
        ({"size": 1}, "part: {'size': 1} is no dict with a 'type'"),
        ("Inner", "part: 'Inner' is no dict with a 'type'"),
    ],
)
def test_a_wrong_key_or_value_names_the_type(registry, config, message):
    with pytest.raises(ValueError, match=message):
        registry.build(config)
