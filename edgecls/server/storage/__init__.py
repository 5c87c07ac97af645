"""Files that requests name or leave: the image root and the corrections of users."""
