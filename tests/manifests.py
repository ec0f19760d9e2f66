"""Whether rendered manifests fit together: what one names, another has. tests/manifests runs it."""
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
    rules = manifests.one("NetworkPolicy")["spec"]["egress"]
    everywhere = {port["port"] for rule in rules if "to" not in rule for port in rule["ports"]}
    for port in wanted - everywhere:
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
    the_grace_fits_the_drain,
]

if __name__ == "__main__":
    main(sys.argv[1])
