"""What comes in as a picture, and what goes out as a spreadsheet or on paper."""
