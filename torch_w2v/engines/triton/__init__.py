"""The fused kernel for NVIDIA GPUs."""
