"""Speed: files, hops, throughput and training; and the cost of a graph.

`sound` imports `graph_cost` and `timing` from here. `commands` imports each other module when its
benchmark runs.
"""

__all__ = ["graph_cost", "timing"]
