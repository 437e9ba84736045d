"""The names of other libraries and ours: tables, one for each library, in the form that rows.py describes and reads.

At import only names.py is loaded, which docs/porting.py makes of the tables.
"""
