"""Volumes in memory: reading, writing, resampling, intensity, moments, pyramids, brain masks.

May import `geometry`. Start with `volume.py`, then `read.py`.
"""
