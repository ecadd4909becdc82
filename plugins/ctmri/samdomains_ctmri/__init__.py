"""The CT and MRI domains of samdomains."""
