"""Networks, one per file; the docstring of each holds the table of its layers.

May import `geometry`. Start with `pose_net.py`; what several share is in `volume_features.py` and
`rotation_heads.py`.
"""
