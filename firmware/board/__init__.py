"""The only place that knows the hardware. The rest of the firmware sees `device.Device` and its six calls."""
