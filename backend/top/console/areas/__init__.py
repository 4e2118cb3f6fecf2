"""What each page of the console shows, an area a file; every file here is read at the start."""
