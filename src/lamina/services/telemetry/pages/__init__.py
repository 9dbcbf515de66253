"""The pages: HTML, style and scripts, served as they are; nothing of them comes from another host."""
