"""The Kubernetes target: a namespace of a cluster, and what a run puts into it."""
