"""Figures: how they look, and a font that has the glyphs. Needs matplotlib."""
