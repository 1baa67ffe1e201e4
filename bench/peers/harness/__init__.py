"""The harness of bench/peers: what is installed, started, measured and told."""
