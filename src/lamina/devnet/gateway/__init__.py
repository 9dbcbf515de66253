"""A gateway and uploader for trials: a network whose height moves, and what was uploaded, in memory."""
