"""Showing: values in, text for people or JSON for machines out."""
