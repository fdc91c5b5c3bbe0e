"""How fast and how small the recorder is, as ratios to FFmpeg in the same run: `make bench`, docs/benchmarks.md."""
