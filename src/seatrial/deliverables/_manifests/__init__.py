"""Manifests for those who run the service: what they say, and the rules that they keep."""

from seatrial.deliverables._manifests.hosts import compose, systemd
from seatrial.deliverables._manifests.kserve import kserve
from seatrial.deliverables._manifests.kubernetes import kubernetes
from seatrial.deliverables._manifests.rules import broken_rules
from seatrial.deliverables._manifests.service import Service, as_yaml, service_of

__all__ = ["Service", "as_yaml", "broken_rules", "compose", "kserve", "kubernetes", "service_of", "systemd"]
