"""One machine: Compose for a container engine, a unit for systemd."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seatrial.deliverables._manifests.service import DRAIN_SECONDS, GRPC, REST, USER, Service


def compose(service: Service) -> Mapping[str, Any]:
    """A Compose file: loopback only, read-only, no rights, limits; the image brings its health check."""
    return {
        "name": service.name,
        "services": {
            service.name: {
                "image": service.image,
                "restart": "unless-stopped",
                "user": f"{USER}:{USER}",
                "read_only": True,
                "tmpfs": ["/tmp:size=256m,mode=1777"],  # noqa: S108 - in the container, its own
                "cap_drop": ["ALL"],
                "security_opt": ["no-new-privileges:true"],
                "ports": [f"127.0.0.1:{REST}:{REST}", f"127.0.0.1:{GRPC}:{GRPC}"],
                "mem_limit": f"{service.memory}m",
                "cpus": service.cpu / 1000 * 2,
                "pids_limit": 512,
                "stop_grace_period": f"{DRAIN_SECONDS}s",
                "labels": {"seatrial.bundle": service.digest},
            }
        },
    }


def systemd(service: Service, release: str) -> str:
    """A unit that serves the bundle from `/opt`, as a user of its own that may write nowhere.

    Args:
        service: What is known of it.
        release: The bundle's folder name.
    """
    serve = f"/opt/seatrial/bin/seatrial serve {service.name}=/opt/{release} --port {REST} --grpc-port {GRPC}"
    return f"""\
# Serves {release} on this machine only. Put the bundle into /opt/{release}, Seatrial into the virtual
# environment /opt/seatrial, this file into /etc/systemd/system, then: systemctl enable --now {service.name}
[Unit]
Description=Seatrial serves {release}
After=network.target
StartLimitIntervalSec=300
StartLimitBurst=5

[Service]
ExecStart={serve}
ExecReload=/bin/kill -HUP $MAINPID
Environment=ORT_DISABLE_TELEMETRY=1 PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
DynamicUser=yes
Restart=on-failure
RestartSec=2
TimeoutStartSec={service.warm_up}
TimeoutStopSec={DRAIN_SECONDS}
KillMode=mixed
MemoryMax={service.memory}M
CPUQuota={service.cpu * 2 // 10}%
TasksMax=512
LimitCORE=0
NoNewPrivileges=yes
CapabilityBoundingSet=
PrivateTmp=yes
PrivateDevices=yes
ProtectSystem=strict
ProtectHome=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
LockPersonality=yes

[Install]
WantedBy=multi-user.target
"""
