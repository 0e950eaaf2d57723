"""Into pods and out of them: logs, shells, forwarded ports, copies. Keys of tables, and the screens behind them."""
