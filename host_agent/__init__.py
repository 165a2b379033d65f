"""The program on the desk PC: serial port to spool, recordings and MQTT."""
