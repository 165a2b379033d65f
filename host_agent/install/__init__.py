"""What puts the agent on a PC so that it starts by itself."""
