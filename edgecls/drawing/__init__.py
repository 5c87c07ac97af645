"""Drawing into images: heat, and text in any script. Needs numpy and OpenCV only."""
