"""What the machine has: cores, memory, processor, a folder to keep things in."""
