"""What every process of the network shares: the language of money and orders, storage, and remote calls."""
