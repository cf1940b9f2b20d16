"""pypsrp, a client that is known to work against Windows, talks to a simulated host over sealed NTLM, bare and inside of SPNEGO.

pypsrp_client.py VM COMMAND…: COMMAND starts the host and prints {"url","user"} once it listens; the password is $HVREPLICA_PASSWORD.
VM is the display name of a machine that needs a resynchronization.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from urllib.parse import urlsplit

from pypsrp.exceptions import AuthenticationError
from pypsrp.wsman import SelectorSet, WSMan

SOAP = "http://www.w3.org/2003/05/soap-envelope"
ADDRESSING = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
ENUMERATION = "http://schemas.xmlsoap.org/ws/2004/09/enumeration"
WSMAN = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"
IDENTITY = "http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"
V2 = "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2/"
PAGE = "4"
UPTIME = "OnTimeInMilliseconds"


def selectors(keys: dict[str, str]) -> SelectorSet:
    chosen = SelectorSet()
    for name, value in keys.items():
        chosen.add_option(name, value)
    return chosen


def properties(item: ET.Element) -> dict[str, str]:
    return {child.tag.rpartition("}")[2]: "".join(child.itertext()) for child in item}


def identify(client: WSMan) -> dict[str, str]:
    envelope = ET.Element(f"{{{SOAP}}}Envelope")
    ET.SubElement(envelope, f"{{{SOAP}}}Header")
    ET.SubElement(ET.SubElement(envelope, f"{{{SOAP}}}Body"), f"{{{IDENTITY}}}Identify")
    reply = ET.fromstring(client.transport.send(ET.tostring(envelope)))
    return properties(reply.find(f".//{{{IDENTITY}}}IdentifyResponse"))


def enumerate_all(client: WSMan, name: str) -> tuple[list[dict[str, str]], int]:
    """All instances of a class, and how many Pulls they took."""
    body = ET.Element(f"{{{ENUMERATION}}}Enumerate")
    ET.SubElement(body, f"{{{WSMAN}}}OptimizeEnumeration")
    ET.SubElement(body, f"{{{WSMAN}}}MaxElements").text = PAGE
    reply, items, pulls = client.enumerate(V2 + name, body), [], 0
    while True:
        items += [properties(item) for holder in reply.iterfind(".//{*}Items") for item in holder]
        if reply.find(".//{*}EndOfSequence") is not None:
            return items, pulls
        body = ET.Element(f"{{{ENUMERATION}}}Pull")
        ET.SubElement(body, f"{{{ENUMERATION}}}EnumerationContext").text = reply.find(".//{*}EnumerationContext").text
        ET.SubElement(body, f"{{{ENUMERATION}}}MaxElements").text = PAGE
        reply, pulls = client.pull(V2 + name, body), pulls + 1


def resynchronize(client: WSMan, service: dict[str, str], machine: dict[str, str]) -> tuple[str, ET.Element]:
    """The return value and the whole reply."""
    uri = V2 + "Msvm_ReplicationService"
    body = ET.Element(f"{{{uri}}}Resynchronize_INPUT")
    reference = ET.SubElement(body, f"{{{uri}}}ComputerSystem")
    ET.SubElement(reference, f"{{{ADDRESSING}}}Address").text = ADDRESSING + "/role/anonymous"
    parameters = ET.SubElement(reference, f"{{{ADDRESSING}}}ReferenceParameters")
    ET.SubElement(parameters, f"{{{WSMAN}}}ResourceURI").text = V2 + "Msvm_ComputerSystem"
    chosen = ET.SubElement(parameters, f"{{{WSMAN}}}SelectorSet")
    for name, value in machine.items():
        ET.SubElement(chosen, f"{{{WSMAN}}}Selector", Name=name).text = value
    reply = client.invoke(f"{uri}/Resynchronize", uri, body, selector_set=selectors(service))
    return reply.find(".//{*}ReturnValue").text, reply


def check(name: str, auth: str, host: dict[str, str]) -> None:
    url = urlsplit(host["url"])
    settings = {"port": url.port, "username": host["user"], "ssl": False, "auth": auth, "encryption": "always", "no_proxy": True}
    client = WSMan(url.hostname, password=os.environ["HVREPLICA_PASSWORD"], **settings)

    assert identify(client)["ProductVendor"] == "Microsoft Corporation"

    machines, pulls = enumerate_all(client, "Msvm_ComputerSystem")
    assert pulls >= 2, f"{len(machines)} machines came with {pulls} Pulls"
    (machine,) = (found for found in machines if found["ElementName"] == name)
    keys = {key: machine[key] for key in ("CreationClassName", "Name")}
    again = properties(client.get(V2 + "Msvm_ComputerSystem", selector_set=selectors(keys))[0])
    # The host's time goes on between two reads.
    assert again | {UPTIME: machine[UPTIME]} == machine

    (service,), _ = enumerate_all(client, "Msvm_ReplicationService")
    service = {key: service[key] for key in ("CreationClassName", "Name", "SystemCreationClassName", "SystemName")}
    value, reply = resynchronize(client, service, keys)
    assert value == "4096", f"ReturnValue {value}"
    job = {selector.get("Name"): selector.text for selector in reply.iterfind(".//{*}Job//{*}Selector")}
    found = client.get(reply.find(".//{*}Job//{*}ResourceURI").text, selector_set=selectors(job))[0]
    assert properties(found)["InstanceID"] == job["InstanceID"]

    try:
        identify(WSMan(url.hostname, password="not the password", **settings))
    except AuthenticationError:
        pass
    else:
        raise AssertionError("a wrong password was let in")
    print(f"{auth}: {len(machines)} machines in {pulls} Pulls, job {job['InstanceID']}")


def main() -> None:
    name, *command = sys.argv[1:]
    for auth in ("ntlm", "negotiate"):
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as host:
            try:
                check(name, auth, json.loads(host.stdout.readline()))
            finally:
                host.terminate()


if __name__ == "__main__":
    main()
