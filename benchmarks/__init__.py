"""Benchmarks: `python -m benchmarks NAME`. `sound` stands on `speed`, that on `live`, and all on
`peers` and `reporting`.
"""
