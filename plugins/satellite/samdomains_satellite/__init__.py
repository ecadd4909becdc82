"""The domains `satellite` and `infrared` of samdomains."""
