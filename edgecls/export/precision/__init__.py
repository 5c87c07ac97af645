"""The same network with fewer bits, held against an accuracy budget."""
