"""Who is who in the network: names in certificates, the authority that signs them, and what gRPC is given of them."""
