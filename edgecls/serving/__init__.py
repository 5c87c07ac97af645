"""What the server is made of, beneath its routes: bodies, files by name, admission, answers."""
