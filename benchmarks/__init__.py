"""Benchmarks: python -m benchmarks quality | latency | throughput | training."""
