"""One model on several machines: each rank of a torch.distributed group trains on its part of the corpus."""
