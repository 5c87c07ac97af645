"""What the server answers at which address: a group of routes a file, each route a few lines."""
