"""Typed settings with an origin for every value: flag over environment over file over default."""
