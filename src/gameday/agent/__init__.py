"""What runs beside a service or a pod: the proxy through which its callers' connections pass."""
