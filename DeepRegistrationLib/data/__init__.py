"""Images made in code: phantoms for tests and the offline demo, and the samples that networks learn from.

May import `geometry`, `images` and `atlases`. Start with `phantom.py` and `volume_synthesis.py`.
"""
