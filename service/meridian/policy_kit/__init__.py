"""The kit of those who write policies: rules, tests, coverage, proofs, comparisons and pictures, on plain files, without a server.

Every question is put to the evaluator that serves calls. Imported by the command line alone.
"""
