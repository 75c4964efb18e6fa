"""The program that runs beside a pod's containers while an experiment needs it: the proxy in its network, or who holds its processes."""
