from benchmarks.overfit import overfit


def test_a_method_learns_eight_rooms_in_60_steps(tmp_path):
    assert overfit("simipu", 60, tmp_path) < 0.1  # the whole campaign: python tests/benchmarks/overfit.py
