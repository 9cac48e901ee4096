"""Gaussian Vector facial landmark detection (importing this package loads nothing heavy)."""

__version__ = "0.1.0"
