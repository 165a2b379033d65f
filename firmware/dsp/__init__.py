"""Viper kernels on blocks of 8 kHz samples; README.md lists each with its scale and headroom."""
