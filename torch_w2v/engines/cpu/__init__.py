"""The fused CPU kernel."""
