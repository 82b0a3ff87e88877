"""The version of the package, for modules that its own imports need."""

__version__ = "0.1.0"
