"""The domain products of samdomains."""
