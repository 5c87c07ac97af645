"""Training a network on folders of images. Needs the extra "train"."""
