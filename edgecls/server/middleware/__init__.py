"""What holds for every request: API keys, CORS, security headers, request ids, the access log."""
