"""Training a network on folders of pictures. Needs the extra "train"."""
