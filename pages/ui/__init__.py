"""What pages are drawn with: their context, words, colours and charts."""
