"""Results: JSON and Markdown files, charts, and the machine they were measured on."""

from __future__ import annotations

from .charts import draw_files, draw_training, save
from .results import RESULTS, markdown, table, write_result

__all__ = ["RESULTS", "draw_files", "draw_training", "markdown", "save", "table", "write_result"]
