"""What makes the package a drop-in for gensim: argument checks, vocabulary, threads, persistence."""
