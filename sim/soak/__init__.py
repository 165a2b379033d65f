"""The whole road in wall time for as long as asked, and whether the memory of its processes stays flat."""
