"""What is done with log lines between the cluster and whoever reads them: chosen, folded, laid out, made safe to show.

Pure: no module here reads or writes anything. A door takes `LineFilter`, `Folder` and `LinePrinter`, in this order.
"""
