"""The program on the desk PC: box in, spool, recordings, MQTT and HTTP out; and the installer's tool."""
