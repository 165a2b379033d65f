"""What the desk's words mean: numbers, residents, calls, pops, tickets. Pure; imports nothing outward."""
