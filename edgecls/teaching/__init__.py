"""Teaching by showing: a dataset that grows image by image and is trained again and again. Every step can be undone."""
