"""Familiarity: a network's own judgement of how much an image is like those it was trained on."""
