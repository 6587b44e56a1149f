"""Damaged files of many formats for `rtdenoise file`: python -m tests.fuzzing --files 10000.

A file is named by the seed and its number, so that each finding can be made again. A worker process
runs the command's own code on many files; it is started again after a crash or a hang, and both
count as findings. tests/files/test_damaged_files.py runs a small share.
"""
