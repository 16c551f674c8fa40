"""Kubernetes, Calico and Kata on the nodes of a lab."""
