"""What people and programs reach over HTTP: the API, the console, and the application that serves both."""
