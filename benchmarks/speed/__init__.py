"""How fast rtdenoise is: files, hops, throughput, training; and what a graph costs.

The `sound` room takes `graph_cost` and `timing` from here; every other module is one benchmark,
imported when it is asked for.
"""

__all__ = ["graph_cost", "timing"]
