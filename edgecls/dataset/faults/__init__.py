"""Faulty pictures: finding them, and moving them away so that it can be undone."""
