"""Pretrained weights from elsewhere: pip packages that carry them, and files of PyTorch, read without PyTorch."""
