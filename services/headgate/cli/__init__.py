"""The command line: one file a verb group, nothing heavy imported before a verb needs it.

arguments -> verb -> data on stdout, the rest on stderr -> exit code
"""
