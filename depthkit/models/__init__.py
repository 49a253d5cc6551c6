"""Models and losses; importing this package fills the registry MODELS."""

from depthkit.models import backbones, estimator, heads, losses, necks  # noqa: F401
