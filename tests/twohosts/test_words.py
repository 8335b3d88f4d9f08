"""Urgent messages across the link that nobody reads: their senders live on the other host, and hear of it."""
from __future__ import annotations

import json

from tests.kit import until
from tests.twohosts.rig import Host, Two


def words(host: Host, agent: str, key: str) -> list[str]:
    """What the agent is told about this message of its own."""
    told = host.fsbus("recv", agent, "--peek", "--json").splitlines()
    return [text for text in (json.loads(line)["text"] for line in told) if key in text]


def lying(host: Host, key: str) -> list[str]:
    """Where this message lies, unread or not, outside of the archive."""
    return [path for path in host.paths() if key in path]


def test_a_sender_elsewhere_hears_once_that_its_message_expired(two: Two) -> None:
    two.up()
    out = two.mac.fsbus("send", "code", "question", "which one?", "--ttl", "2s", "--from", "dispatch").strip()
    back = two.vps.fsbus("send", "dispatch", "question", "and you?", "--ttl", "2s", env={"FSBUS_AGENT": "code"}).strip()
    for key, home in ((out, two.vps), (back, two.mac)):
        until(lambda home=home, key=key: list(home.root.glob(f"archive/*/{key}-*.expired.yaml")), f"{key} to expire")
    until(lambda: list(two.mac.root.glob("agents/dispatch/urgent/[0-9]*-status.from-code.new.yaml")), "word for dispatch")
    until(lambda: list(two.vps.root.glob("agents/code/urgent/[0-9]*-status.from-dispatch.new.yaml")), "word for code")
    two.down()
    for host in (two.mac, two.vps):
        host.fsbus("tick")
    two.agree()
    for host in (two.mac, two.vps):
        (told,) = words(host, "dispatch", out)
        assert "code never read your question" in told
        (told,) = words(host, "code", back)
        assert "dispatch never read your question" in told
        assert lying(host, out) == lying(host, back) == []
    for key in (out, back):
        expired = [hop["host"] for hop in json.loads(two.mac.fsbus("trace", key, "--json")) if hop["event"] == "expired"]
        assert sorted(expired) == ["mac", "vps"], "each host lets go of its copy, once"
