"""Training: python -m train."""
