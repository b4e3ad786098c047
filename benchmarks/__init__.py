"""Measurements that are run by hand and by ``make bench``."""
