"""Export of checkpoints to ONNX: python -m export."""
