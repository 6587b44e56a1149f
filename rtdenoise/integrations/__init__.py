"""Adapters for voice frameworks and data pipelines, one module each; docs/frameworks.md.

pipecat, livekit and aiortc import the package of that name, which must be installed. `data` needs
none. This room imports `denoiser`, `stream` and `errors`; no other room imports it.
"""

__all__: list[str] = []
