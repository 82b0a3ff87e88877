"""Reports: HTML pages with plots that need no other file."""
