"""Which pictures are the same, look alike, or were made from one another."""
