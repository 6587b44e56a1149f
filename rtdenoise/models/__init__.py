"""Bundled ONNX models and their card."""
