"""Jobs as data: files, settings and outputs of one registration, written to and read from JSON.

Imported by Slicer's process, so nothing here may import torch or numpy.
Start with `job.py`; each kind of job has a file with its files and settings.
"""
