"""What answers beside the pages: sign-in, downloads, health, and the headers of every answer."""
