"""Kubernetes on a lab."""
