"""What runs on the board (MicroPython); never imported on the desk PC or in the cloud."""
