"""The microscopy domain of samdomains."""
