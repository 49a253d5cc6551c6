"""depthkit trains networks that turn one RGB image into a metric depth map."""

__version__ = "0.1.0"
