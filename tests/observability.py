"""Checks that the observability files are consistent: names used by one file exist in another. tests/manifests runs it."""
import json
import pathlib
import re
import sys

import yaml

ROOT = pathlib.Path(__file__).parent.parent
WATCHERS = ("prometheus", "grafana", "collector")


def main():
    wrong = [fault for check in CHECKS for fault in check()]
    for fault in wrong:
        print(f"the profile observability: {fault}", file=sys.stderr)
    sys.exit(1 if wrong else 0)


def read(file):
    return yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))


SERVICES = read("docker-compose.yml")["services"]


def mounts(service):
    """Maps paths in a service to our files."""
    parts = [volume.split(":") for volume in SERVICES[service]["volumes"]]
    return {part[1]: part[0] for part in parts if part[0].startswith("./")}


def the_profile_has_all_that_watches():
    profiled = {name for name, service in SERVICES.items() if service.get("profiles") == ["observability"]}
    if profiled != set(WATCHERS):
        yield f"it has {sorted(profiled)}"
    for service in WATCHERS:
        if not set(SERVICES[service]["networks"]) & set(SERVICES["app"]["networks"]):
            yield f"{service} does not reach the instances"


def what_is_mounted_is_there():
    for service in WATCHERS:
        for at, file in mounts(service).items():
            if not (ROOT / file).is_file():
                yield f"{service} is given {file}, which is not there"
            if pathlib.PurePath(at).suffix not in (".yml", ".json"):
                yield f"{service} finds no file at {at}"


def prometheus_asks_the_instances():
    config = read(mounts("prometheus")["/etc/prometheus/prometheus.yml"])
    for rules in config["rule_files"]:
        if f"/etc/prometheus/{rules}" not in mounts("prometheus"):
            yield f"Prometheus has no {rules}"
    [job] = config["scrape_configs"]
    [asked] = job["dns_sd_configs"]
    told = SERVICES["app"]["environment"]["RUANG_METRICS_LISTEN"]
    if asked["names"] != ["app"] or not re.search(rf"\b{asked['port']}\b", told):
        yield f"Prometheus asks {asked}, the instances tell at {told}"


def grafana_finds_its_dashboard_and_its_data():
    found = mounts("grafana")
    [source] = read(found["/etc/grafana/provisioning/datasources/ruang.yml"])["datasources"]
    [provider] = read(found["/etc/grafana/provisioning/dashboards/ruang.yml"])["providers"]
    dashboards = [file for at, file in found.items() if at.startswith(provider["options"]["path"] + "/")]
    if len(dashboards) != 1:
        yield f"Grafana looks for dashboards in {provider['options']['path']}, and finds {dashboards}"
    if source["url"] != "http://prometheus:9090":
        yield f"Grafana asks {source['url']}"
    interval = read("deploy/observability/prometheus.yml")["global"]["scrape_interval"]
    if source["jsonData"]["timeInterval"] != interval:
        yield f"Grafana takes Prometheus to ask every {source['jsonData']['timeInterval']}: it is {interval}"
    for uid in {uid for file in dashboards for uid in uids(json.loads((ROOT / file).read_text(encoding="utf-8")))}:
        if uid not in (source["uid"], "-- Grafana --"):
            yield f"the dashboard asks {uid}, which is no source of data"


def uids(node):
    """Yields the uids of all data sources that a dashboard names."""
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else []
    own = [node["datasource"]["uid"]] if isinstance(node, dict) and isinstance(node.get("datasource"), dict) else []
    return own + [uid for child in children for uid in uids(child)]


def the_collector_takes_what_it_is_sent():
    [at] = mounts("collector")
    if SERVICES["collector"]["command"] != [f"--config={at}"]:
        yield "the collector is not told of its configuration"
    config = read(mounts("collector")[at])
    pipelines = config["service"]["pipelines"]
    if set(pipelines) != {"traces", "metrics"}:
        yield f"the collector has pipelines of {sorted(pipelines)}"
    for kind in ("receivers", "processors", "exporters"):
        used = {name for pipeline in pipelines.values() for name in pipeline[kind]}
        if used != set(config[kind]):
            yield f"the collector has the {kind} {sorted(config[kind])}, and uses {sorted(used)}"
    endpoint = config["receivers"]["otlp"]["protocols"]["http"]["endpoint"]
    [told] = set(re.findall(r"http://collector(:\d+)", (ROOT / "docker-compose.yml").read_text(encoding="utf-8")))
    if endpoint != f"0.0.0.0{told}":
        yield f"the collector listens at {endpoint}, instances are told of {told}"


CHECKS = [
    the_profile_has_all_that_watches,
    what_is_mounted_is_there,
    prometheus_asks_the_instances,
    grafana_finds_its_dashboard_and_its_data,
    the_collector_takes_what_it_is_sent,
]

if __name__ == "__main__":
    main()
