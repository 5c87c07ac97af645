"""How `edgecls serve` runs: in one process, or in several."""
