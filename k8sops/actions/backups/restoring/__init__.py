"""The action `restore`: a backup's objects back onto a cluster, each tried before, placed in order, compared after.

Read in this order: `params` (what is asked), `source` and `choosing` (which objects of which backup), `levels`,
`stripping` and `ownership` (in what order and what of them), `pairing` and `judging` (what is there already), `trying`
and `planning` (the preview, which is the plan), `acting` and `executing` (doing it), `checking` (what came of it).
"""
