"""The tab in which models are taught: the widgets and the threads around `edgecls.teaching`."""
