"""What both tabs of the window use: words, colours, work in threads, thumbnails, small dialogs."""
