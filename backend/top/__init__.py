"""The top floor, which alone knows points, volunteers and merchants."""
