"""Pin map of the ESP32-S3-DevKitC-1-N8 and the scale of its line monitor (docs/howto/board.md)."""

LINE_PLUS, LINE_MINUS = 1, 2
"""ADC1: the two halves of the line monitor's output, symmetric about 1.25 V."""
RX_BCLK, RX_WS, RX_DIN = 4, 5, 6
TX_BCLK, TX_WS, TX_DOUT = 15, 16, 17
I2C_SDA, I2C_SCL = 8, 9
RING = 10
"""Low while alternating voltage stands on the line."""
LINE_IN_USE, BATTERY, POLARITY = 11, 12, 13
SEIZE = 14
"""High closes the contact that holds the line; an external resistor keeps it low in reset."""
UART_TX, UART_RX = 43, 44

MONITOR_DIVISOR = 150
"""Volts on the line per volt between LINE_PLUS and LINE_MINUS (20 Mohm a leg; CPC5712 gain resistors)."""
