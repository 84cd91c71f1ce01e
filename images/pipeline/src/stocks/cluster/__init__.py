"""The Kubernetes cluster from the inside (a step starts gold) and from the outside (`stocks status --cluster`)."""

from stocks.cluster.client import Cluster, CronState, WorkflowState

__all__ = ["Cluster", "CronState", "WorkflowState"]
