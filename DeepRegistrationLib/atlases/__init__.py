"""Atlases: folders of images by age, their masks, labels and label names.

May import `geometry` and `images`. Start with `fetal_atlas.py`.
"""
