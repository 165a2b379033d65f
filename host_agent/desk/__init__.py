"""The desk without the cloud: the roster it keeps, its tickets' drafts, and the page that shows both."""
