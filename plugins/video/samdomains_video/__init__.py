"""The domain video of samdomains."""
