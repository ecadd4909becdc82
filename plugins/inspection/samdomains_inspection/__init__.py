"""The domain inspection of samdomains."""
