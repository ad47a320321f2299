"""Losses, one per file.

May import `geometry` and `networks`. Start with `pose_loss.py`.
"""
