"""A desk PC comes in."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from cloud_broker.bootstrap import Cloud


class Claim(BaseModel):
    claim_code: str = Field(max_length=64)
    agent_id: str = Field(max_length=12)
    hostname: str = Field("", max_length=128)
    version: str = Field("", max_length=64)


def add_routes(router: APIRouter, cloud: Cloud) -> None:
    @router.post("/enrol", status_code=201)
    def enrol(claim: Claim) -> dict[str, Any]:
        """Use a claim code up; what comes back is shown once."""
        enrolled = cloud.enrolment.enrol(claim.claim_code, claim.agent_id, claim.hostname, claim.version)
        host, port = cloud.settings.broker_for_agents
        mqtt = {"host": host, "port": port, "username": enrolled.desk, "password": enrolled.mqtt_password}
        return {
            "desk": enrolled.desk,
            "agent": enrolled.agent,
            "mqtt": mqtt,
            "upload_token": enrolled.upload_token,
        }
