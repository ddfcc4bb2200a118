"""A small cluster for kubernetes_server.py: what objects must look like, what there is, and the controllers' work on it."""
import base64
import copy
import re
import threading
import time
import uuid

KINDS = {
    "jobs": ("batch", "Job"), "pods": ("", "Pod"), "secrets": ("", "Secret"), "events": ("", "Event"),
}
NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
QUANTITY = re.compile(r"\d+(\.\d+)?(m|Ki|Mi|Gi|Ti|k|M|G|T)?")


class Refused(Exception):
    def __init__(self, code, reason, message, details=None):
        super().__init__(message)
        self.status = {
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
            "reason": reason, "code": code, "details": details or {},
        }
        self.code = code


def require(condition, message):
    if not condition:
        raise Refused(422, "Invalid", message)


def keys(value, allowed, place):
    require(isinstance(value, dict), f"{place}: expected an object")
    for key in value:
        require(key in allowed.split(), f'{place}: unknown field "{key}"')
    return value


def check_metadata(metadata, namespace):
    keys(metadata, "name namespace labels ownerReferences", "metadata")
    require(metadata.get("namespace", namespace) == namespace, "metadata.namespace: another one than in the path")
    require(NAME.fullmatch(metadata.get("name", "")), "metadata.name: Invalid value")
    check_labels(metadata.get("labels", {}))
    for owner in metadata.get("ownerReferences", []):
        keys(owner, "apiVersion kind name uid controller blockOwnerDeletion", "ownerReferences")
        require(owner["apiVersion"] and owner["kind"] and owner["name"] and owner["uid"], "ownerReferences: incomplete")
        require(not owner.get("blockOwnerDeletion"), "ownerReferences: needs rights on finalizers")


def check_labels(labels):
    for value in labels.values():
        require(LABEL.fullmatch(value), f"metadata.labels: Invalid value: {value}")


def check_job(job):
    spec = keys(job["spec"], "activeDeadlineSeconds ttlSecondsAfterFinished backoffLimit template", "spec")
    require(isinstance(spec["activeDeadlineSeconds"], int) and spec["activeDeadlineSeconds"] > 0, "activeDeadlineSeconds")
    require(isinstance(spec["ttlSecondsAfterFinished"], int), "ttlSecondsAfterFinished")
    require(spec["backoffLimit"] == 0, "a builder is never replaced by another with the same token")
    template = keys(spec["template"], "metadata spec", "template")
    check_labels(keys(template["metadata"], "labels", "template.metadata")["labels"])
    pod = keys(
        template["spec"], "imagePullSecrets restartPolicy dnsPolicy automountServiceAccountToken enableServiceLinks "
        "serviceAccount serviceAccountName nodeSelector volumes containers", "template.spec")
    require(pod["restartPolicy"] in ("Never", "OnFailure"), 'restartPolicy: Unsupported value')
    require(pod["dnsPolicy"] in ("Default", "ClusterFirst", "ClusterFirstWithHostNet"), "dnsPolicy: Unsupported value")
    check_labels(pod.get("nodeSelector", {}))
    volumes = set()
    for volume in pod.get("volumes", []):
        keys(volume, "name emptyDir secret", "volume")
        volumes.add(volume["name"])
        require(QUANTITY.fullmatch(keys(volume.get("emptyDir", {}), "sizeLimit", "emptyDir").get("sizeLimit", "1")), "sizeLimit")
        if "secret" in volume:
            for item in keys(volume["secret"], "secretName items", "volume.secret")["items"]:
                keys(item, "key path", "item")
    require(len(pod["containers"]) == 1, "containers")
    for container in pod["containers"]:
        keys(
            container, "name image imagePullPolicy securityContext env resources volumeMounts terminationMessagePolicy",
            "container")
        require(container["imagePullPolicy"] in ("Always", "IfNotPresent", "Never"), "imagePullPolicy")
        require(container["terminationMessagePolicy"] in ("File", "FallbackToLogsOnError"), "terminationMessagePolicy")
        keys(container["securityContext"], "privileged allowPrivilegeEscalation capabilities", "securityContext")
        for mount in container.get("volumeMounts", []):
            require(keys(mount, "name mountPath readOnly", "mount")["name"] in volumes, "volumeMounts: Not found")
        for variable in container["env"]:
            keys(variable, "name value valueFrom", "env")
            require(("value" in variable) != ("valueFrom" in variable), "env: one source of a value")
            if "valueFrom" in variable:
                keys(keys(variable["valueFrom"], "secretKeyRef", "valueFrom")["secretKeyRef"], "name key", "secretKeyRef")
        for amounts in keys(container["resources"], "requests limits", "resources").values():
            for amount in keys(amounts, "memory cpu", "amounts").values():
                require(QUANTITY.fullmatch(amount), f"resources: Invalid value: {amount}")


def check_secret(secret):
    keys(secret, "apiVersion kind metadata type immutable data", "secret")
    for name, value in secret["data"].items():
        require(re.fullmatch(r"[-._a-zA-Z0-9]+", name), f"data: Invalid key: {name}")
        base64.b64decode(value, validate=True)


def selects(selector, labels):
    for part in filter(None, selector.split(",")):
        key, separator, value = part.partition("=")
        if not re.fullmatch(r"[-._/a-zA-Z0-9]+", key):
            raise Refused(400, "BadRequest", f"unable to parse requirement: {part}")
        if key not in labels or separator and labels[key] != value:
            return False
    return True


class Cluster:
    """Objects, their history, and the controllers. Everything under one lock."""

    def __init__(self):
        self.lock = threading.Condition()
        self.version = 1000
        self.forgotten = 0
        self.objects = {}
        self.history = []
        self.cuts = 0
        self.settings = {"pods": True, "failed_create": None, "terminating": 0, "bookmarks": 1, "gone": "event"}

    def note(self, kind, plural, thing):
        self.version += 1
        thing["metadata"]["resourceVersion"] = str(self.version)
        self.history.append((self.version, plural, kind, copy.deepcopy(thing)))
        self.lock.notify_all()

    def create(self, plural, thing):
        name = thing["metadata"]["name"]
        if (plural, name) in self.objects:
            raise Refused(409, "AlreadyExists", f'{plural} "{name}" already exists')
        thing["metadata"].update(uid=str(uuid.uuid4()), creationTimestamp=stamp(), namespace="builder")
        self.objects[plural, name] = thing
        self.note("ADDED", plural, thing)
        if plural == "jobs":
            self.sync(thing)
        owners = thing["metadata"].get("ownerReferences", [])
        living = {other["metadata"]["uid"] for other in self.objects.values()}
        if owners and not any(owner["uid"] in living for owner in owners):
            self.remove(plural, name)
        return thing

    def sync(self, job):
        """The Job controller: one pod as long as the Job isn't over."""
        uid, name = job["metadata"]["uid"], job["metadata"]["name"]
        if job.get("status", {}).get("conditions") or "deletionTimestamp" in job["metadata"]:
            return
        if self.settings["failed_create"]:
            self.event(uid, "Warning", "FailedCreate", self.settings["failed_create"])
        elif self.settings["pods"]:
            template = job["spec"]["template"]
            labels = dict(template["metadata"]["labels"], **{"job-name": name, "controller-uid": uid})
            self.create("pods", {
                "apiVersion": "v1", "kind": "Pod", "spec": copy.deepcopy(template["spec"]),
                "metadata": {
                    "name": f"{name}-{uuid.uuid4().hex[:5]}", "labels": labels,
                    "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": uid}],
                }, "status": {"phase": "Pending"},
            })

    def event(self, uid, type, reason, message):
        self.create("events", {
            "apiVersion": "v1", "kind": "Event", "metadata": {"name": "e" + uuid.uuid4().hex[:12]},
            "involvedObject": {"uid": uid}, "type": type, "reason": reason, "message": message,
        })

    def delete(self, plural, name, options):
        thing = self.objects.get((plural, name))
        if thing is None:
            raise Refused(404, "NotFound", f'{plural} "{name}" not found', {"name": name, "kind": plural})
        wanted = (options.get("preconditions") or {}).get("uid")
        if wanted not in (None, thing["metadata"]["uid"]):
            raise Refused(409, "Conflict", "the UID in the precondition does not match")
        if plural == "pods" and self.settings["terminating"] and "nodeName" in thing["spec"]:
            if "deletionTimestamp" not in thing["metadata"]:
                thing["metadata"]["deletionTimestamp"] = stamp()
                self.note("MODIFIED", plural, thing)
                if self.settings["terminating"] != "never":
                    uid = thing["metadata"]["uid"]
                    threading.Timer(self.settings["terminating"], self.later, (name, uid)).start()
            return thing
        self.remove(plural, name, options.get("propagationPolicy") == "Background")
        return thing

    def later(self, name, uid):
        with self.lock:
            pod = self.objects.get(("pods", name))
            if pod and pod["metadata"]["uid"] == uid:
                self.remove("pods", name)

    def remove(self, plural, name, takes_what_it_owns=False):
        thing = self.objects.pop((plural, name))
        self.note("DELETED", plural, thing)
        uid = thing["metadata"]["uid"]
        if plural == "pods":
            for owner in thing["metadata"]["ownerReferences"]:
                job = self.objects.get(("jobs", owner["name"]))
                if job and job["metadata"]["uid"] == owner["uid"]:
                    self.sync(job)
        for other, owned in list(self.objects.items()):
            if any(owner["uid"] == uid for owner in owned["metadata"].get("ownerReferences", [])):
                if takes_what_it_owns:
                    self.delete(*other, {"propagationPolicy": "Background"})

    def finish(self, name, condition):
        job = self.objects["jobs", name]
        job.setdefault("status", {}).setdefault("conditions", []).append(dict(condition, status="True"))
        self.note("MODIFIED", "jobs", job)

    def pods(self, job):
        return [
            thing for (plural, _), thing in sorted(self.objects.items())
            if plural == "pods" and thing["metadata"]["labels"].get("job-name") == job
        ]


def stamp():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
