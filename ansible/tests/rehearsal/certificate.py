"""The certificate that viewers are shown: by the lab's authority, for the name they ask for."""

import json

from .boxes import Wrong

LOOK = """
import json, socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[1])
with context.wrap_socket(socket.create_connection((sys.argv[2], 443), 5), server_hostname=sys.argv[3]) as viewer:
    shown = viewer.getpeercert()
print(json.dumps({"issuer": dict(part[0] for part in shown["issuer"])["commonName"],
                  "names": [name for _kind, name in shown["subjectAltName"]]}))
"""


def look(boxes, box, name):
    """Raises Wrong unless the box shows a certificate for `name` that was issued by ACME. Returns who issued it."""
    shown = json.loads(boxes.run("python3", "-c", LOOK, boxes.ca, boxes.address(box), name))
    if name not in shown["names"] or "Caddy" not in shown["issuer"]:
        raise Wrong(f"{box} shows {shown} for {name}")
    return shown["issuer"]
