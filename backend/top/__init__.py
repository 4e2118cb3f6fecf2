"""What is seen of the whole: it alone knows points, volunteers and merchants."""
