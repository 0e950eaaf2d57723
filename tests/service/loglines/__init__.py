"""Log lines between the cluster and whoever reads them."""
