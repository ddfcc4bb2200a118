"""What the servers of AWS's services for tests share: a gate before moto that checks signatures, which moto does not."""
import hashlib
import hmac
from datetime import datetime, timedelta, timezone
from urllib.parse import unquote

from werkzeug.serving import WSGIRequestHandler


class Refused(Exception):
    pass


def keyed(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def check(environ, body, access_key, secret_key):
    """Recomputes the signature of a request from what came over the wire."""
    path, _, query = environ["RAW_URI"].partition("?")
    pairs = [pair.partition("=")[::2] for pair in query.split("&")] if query else []
    values = {unquote(name): unquote(value) for name, value in pairs}
    if "X-Amz-Signature" in values:
        credential, names, signature = (values["X-Amz-" + n] for n in ("Credential", "SignedHeaders", "Signature"))
        time, payload = values["X-Amz-Date"], "UNSIGNED-PAYLOAD"
        pairs = [pair for pair in pairs if pair[0] != "X-Amz-Signature"]
        end = datetime.strptime(time, "%Y%m%dT%H%M%SZ") + timedelta(seconds=int(values["X-Amz-Expires"]))
        if end.replace(tzinfo=timezone.utc) < datetime.now(timezone.utc):
            raise Refused("AccessDenied", "Request has expired")
        if "HTTP_AUTHORIZATION" in environ:
            raise Refused("InvalidArgument", "Only one auth mechanism allowed")
    else:
        header = environ.get("HTTP_AUTHORIZATION", "")
        if not header.startswith("AWS4-HMAC-SHA256 "):
            raise Refused("AccessDenied", "Access Denied")
        parts = dict(part.strip().split("=", 1) for part in header.split(" ", 1)[1].split(","))
        credential, names, signature = parts["Credential"], parts["SignedHeaders"], parts["Signature"]
        time = environ["HTTP_X_AMZ_DATE"]
        # S3 alone must be told the hash.
        is_s3 = credential.endswith("/s3/aws4_request")
        payload = environ["HTTP_X_AMZ_CONTENT_SHA256"] if is_s3 else hashlib.sha256(body).hexdigest()
        if payload != "UNSIGNED-PAYLOAD" and payload != hashlib.sha256(body).hexdigest():
            raise Refused("XAmzContentSHA256Mismatch", "The payload is another one")
    key, _, scope = credential.partition("/")
    if key != access_key:
        raise Refused("InvalidAccessKeyId", "The access key does not exist")
    headers = []
    for name in names.split(";"):
        value = environ.get("HTTP_" + name.upper().replace("-", "_")) or environ.get(name.upper().replace("-", "_"))
        headers.append(f"{name}:{' '.join((value or '').split())}\n")
    canonical = "\n".join([
        environ["REQUEST_METHOD"], path, "&".join("=".join(pair) for pair in sorted(pairs)), "".join(headers), names,
        payload,
    ])
    secret = ("AWS4" + secret_key).encode()
    for part in scope.split("/"):
        secret = keyed(secret, part)
    text = "\n".join(["AWS4-HMAC-SHA256", time, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    if not hmac.compare_digest(keyed(secret, text).hex(), signature):
        raise Refused("SignatureDoesNotMatch", "The signature does not match")


class Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"
