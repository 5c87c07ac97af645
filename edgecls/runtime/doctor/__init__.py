"""What is right and what is wrong on this machine, for `edgecls doctor`."""
