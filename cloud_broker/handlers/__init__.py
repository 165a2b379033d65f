"""One verb a function: what happens when a message, a person or a timer asks for something."""
