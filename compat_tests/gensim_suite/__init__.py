"""gensim's own tests of Word2Vec, one file per engine so that they can run side by side."""
