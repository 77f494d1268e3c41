"""From result files to claims, tables, figures and a page, beside the paper's values.

Imports point one way: results, summary, ledger (published entries), claims, tables and figures, page. Only `ledger` knows how
an entry is stored.
"""
