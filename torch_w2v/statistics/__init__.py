"""What a corpus is like, measured on samples of it: the layout of training depends on it."""
