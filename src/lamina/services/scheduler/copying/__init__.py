"""Between the rows of messages and the disk store: lists, the running copy, migrations, comparison."""
