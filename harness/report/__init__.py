"""Verdicts as people read them: terminal table, page with charts, Markdown, CSV, and JSON.

`model` says what a report is made from, `writing` writes the files, `terminal` prints. The rest is
shared: `phrases` turns figures into words, `columns` says what the tables hold.
"""
