"""From result files to claims, tables, figures and a page, beside the paper's values.

Imports point one way: results, summary, ledger (published entries), claims, tables and figures, page. No room but
`ledger` knows how an entry is stored, and none needs torch.
"""
