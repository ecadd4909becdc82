"""The domains microscopy, histology and em of samdomains."""
