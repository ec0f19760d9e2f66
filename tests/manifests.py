"""Checks that rendered manifests are consistent: names used by one resource exist in another. tests/manifests runs it."""
import re
import sys

import yaml


def main(path):
    with open(path, encoding="utf-8") as file:
        resources = list(yaml.safe_load_all(file))
    wrong = [fault for check in CHECKS for fault in check(Manifests(resources))]
    for fault in wrong:
        print(f"{path}: {fault}", file=sys.stderr)
    sys.exit(1 if wrong else 0)


class Manifests:
    def __init__(self, resources):
        self.resources = resources
        self.deployment = self.one("Deployment")
        self.pod = self.deployment["spec"]["template"]
        self.container = self.pod["spec"]["containers"][0]
        self.settings = self.one("ConfigMap")["data"]

    def of(self, kind):
        return [resource for resource in self.resources if resource["kind"] == kind]

    def one(self, kind):
        [resource] = self.of(kind)
        return resource

    def ports(self):
        return {port["name"] for port in self.container["ports"]}

    def names(self, kind):
        return {resource["metadata"]["name"] for resource in self.of(kind)}


def everything_speaks_of_the_pods(manifests):
    labels = manifests.pod["metadata"]["labels"].items()
    selectors = [(service, service["spec"]["selector"]) for service in manifests.of("Service")]
    for kind in ("Deployment", "PodDisruptionBudget"):
        selectors.append((manifests.one(kind), manifests.one(kind)["spec"]["selector"]["matchLabels"]))
    policy = manifests.one("NetworkPolicy")
    selectors.append((policy, policy["spec"]["podSelector"]["matchLabels"]))
    for spread in manifests.pod["spec"]["topologySpreadConstraints"]:
        selectors.append((manifests.deployment, spread["labelSelector"]["matchLabels"]))
    for resource, selector in selectors:
        if not selector.items() <= labels:
            yield f"{resource['kind']} {resource['metadata']['name']} selects {selector}, not the pods"


def ports_are_the_container_s(manifests):
    named = {port["targetPort"] for service in manifests.of("Service") for port in service["spec"]["ports"]}
    for rule in manifests.one("NetworkPolicy")["spec"]["ingress"]:
        named |= {port["port"] for port in rule["ports"]}
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        named.add(manifests.container[probe]["httpGet"]["port"])
    for name in named - manifests.ports():
        yield f"no port of the container is called {name}"


def redis_is_let_out_to(manifests):
    wanted = {int(port) for port in re.findall(r":(\d+)", manifests.settings["REDIS_URL"])}
    # The first rule is that of Redis.
    rule = manifests.one("NetworkPolicy")["spec"]["egress"][0]
    if "to" not in rule:
        yield "the network policy lets the pods reach Redis' port anywhere"
    # Labels that kustomize adds to selectors must not narrow this one to the pods themselves.
    for target in rule.get("to", []):
        if "matchLabels" in target.get("podSelector", {}):
            yield "the network policy takes Redis for one of the pods"
    for port in wanted - {port["port"] for port in rule["ports"]}:
        yield f"the network policy keeps the pods from Redis' port {port}"


def the_pods_get_their_settings(manifests):
    for source in manifests.container["envFrom"]:
        if source["configMapRef"]["name"] not in manifests.names("ConfigMap"):
            yield f"there is no {source}"
    volumes = {volume["name"] for volume in manifests.pod["spec"]["volumes"]}
    mounts = {mount["mountPath"]: mount["name"] for mount in manifests.container["volumeMounts"]}
    for name, value in manifests.settings.items():
        if name.endswith("_FILE") and mounts.get(value.rpartition("/")[0]) not in volumes:
            yield f"{name}={value} is in no volume"


def the_autoscaler_alone_says_how_many(manifests):
    target = manifests.one("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]["name"]
    if target not in manifests.names("Deployment"):
        yield f"the autoscaler scales {target}, which is not there"
    if "replicas" in manifests.deployment["spec"]:
        yield "each apply would undo the autoscaler: the deployment says replicas"


def people_find_a_service(manifests):
    for ingress in manifests.of("Ingress"):
        paths = [path for rule in ingress["spec"]["rules"] for path in rule["http"]["paths"]]
        named = {path["backend"]["service"]["name"] for path in paths}
        named |= {value for key, value in ingress["metadata"]["annotations"].items() if key.endswith("/default-backend")}
        for name in named - manifests.names("Service"):
            yield f"there is no service {name}"
    listeners = {listener["name"] for gateway in manifests.of("Gateway") for listener in gateway["spec"]["listeners"]}
    ports = {service["metadata"]["name"]: {port["port"] for port in service["spec"]["ports"]} for service in manifests.of("Service")}
    for route in manifests.of("HTTPRoute"):
        for parent in route["spec"]["parentRefs"]:
            if parent["name"] not in manifests.names("Gateway") or parent["sectionName"] not in listeners:
                yield f"there is no listener {parent}"
        for backend in [backend for rule in route["spec"]["rules"] for backend in rule.get("backendRefs", [])]:
            if backend["port"] not in ports.get(backend["name"], set()):
                yield f"there is no service {backend}"


def the_public_address_is_served(manifests):
    url = manifests.settings.get("RUANG_PUBLIC_URL")
    if not url:
        return
    host, _, path = url.partition("://")[2].partition("/")
    hosts = {host for route in manifests.of("HTTPRoute") for host in route["spec"]["hostnames"]}
    hosts |= {rule["host"] for ingress in manifests.of("Ingress") for rule in ingress["spec"]["rules"]}
    rules = [rule for route in manifests.of("HTTPRoute") for rule in route["spec"]["rules"]]
    everything = {"type": "PathPrefix", "value": "/"}
    paths = {match.get("path", everything)["value"] for rule in rules for match in rule.get("matches", [{}])}
    paths |= {path["path"] for ingress in manifests.of("Ingress") for rule in ingress["spec"]["rules"] for path in rule["http"]["paths"]}
    if hosts != {host} or paths != {f"/{path}"}:
        yield f"people type {url}, the entrance serves {sorted(hosts)} under {sorted(paths)}"


def the_pod_monitor_finds_the_pods(manifests):
    labels = manifests.pod["metadata"]["labels"]
    for monitor in manifests.of("PodMonitor"):
        spec = monitor["spec"]
        if not spec["selector"]["matchLabels"].items() <= labels.items() or labels.get(spec["jobLabel"]) != "ruang":
            yield "the PodMonitor does not find the pods, or does not call them job=ruang"
        for endpoint in spec["podMetricsEndpoints"]:
            if endpoint["port"] not in manifests.ports():
                yield f"no port of the container is called {endpoint['port']}"


def it_scales_without_an_adapter(manifests):
    metrics = manifests.one("HorizontalPodAutoscaler")["spec"]["metrics"]
    own = {metric["pods"]["metric"]["name"] for metric in metrics if metric["type"] == "Pods"}
    if "Resource" not in {metric["type"] for metric in metrics} or own - {"ruang_connection_open"}:
        yield f"the autoscaler has no metric that every cluster has, or unknown ones: {metrics}"


def the_grace_fits_the_drain(manifests):
    drain = int(manifests.settings.get("RUANG_DRAIN_TIMEOUT", "25s").removesuffix("s"))
    pause = manifests.container["lifecycle"]["preStop"]["sleep"]["seconds"]
    grace = manifests.pod["spec"]["terminationGracePeriodSeconds"]
    if grace <= pause + drain:
        yield f"a pod has {grace} s to go: {pause} s pass before it is told, and it takes {drain} s"


CHECKS = [
    everything_speaks_of_the_pods,
    ports_are_the_container_s,
    redis_is_let_out_to,
    the_pods_get_their_settings,
    the_autoscaler_alone_says_how_many,
    people_find_a_service,
    the_public_address_is_served,
    the_pod_monitor_finds_the_pods,
    it_scales_without_an_adapter,
    the_grace_fits_the_drain,
]

if __name__ == "__main__":
    main(sys.argv[1])
