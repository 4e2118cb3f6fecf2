"""Files that take long to make: asked for, made by a task, kept, and fetched by those who may."""
