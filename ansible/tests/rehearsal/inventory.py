"""An example's inventory, filled in as its reader would: what is in capitals, and nothing else.

The boxes keep the lab's names, so that the lab's word for a box is also the inventory's. What only a lab needs (its ssh key, its
certificate authority, where the packages are) is in a second file, as the extra variables of each run.
"""

import json
import re

from .boxes import HERE, Wrong

# The platform's key that an example asks a vault for. It must be in no log.
PLATFORM_KEY = "the-platforms-own-key"


def fill(boxes, example, place, names=()):
    """Writes the inventory to `place`. `names` are pairs: a box in the example, and in the lab."""
    text = (HERE / f"examples/{example}.yml").read_text()
    for old, new in names:
        text = re.sub(rf"(?<![\w-]){old}(?=[:,\n])", new, text)
    for number, name in reversed(list(enumerate(boxes.names, 1))):
        text = re.sub(rf"ADDRESS-(OF-THE-MACHINE|{number}\b)", boxes.address(name), text)
    text = re.sub(r"LIVE\.(VENUE|FESTIVAL)\.EXAMPLE", "live.venue.test", text)
    text = re.sub(r"YOU@(VENUE|FESTIVAL)\.EXAMPLE", "sound@venue.test", text)
    left = re.findall(r"^(?!\s*#).*\b([A-Z]{4,}[A-Z.-]+)", text, re.M)
    if left:
        raise Wrong(f"examples/{example}.yml wants more than its head says: {left}")
    place.write_text(text)
    return place


def lab_variables(boxes, packages, place, **more):
    """Writes what only a lab needs to `place`."""
    place.write_text(json.dumps({
        "ansible_ssh_common_args": f"-F {boxes.place}/ssh_config",
        "footlight_acme_directory": "https://acme.venue.test/acme/local/directory",
        "footlight_acme_ca": str(boxes.ca),
        "footlight_packages": str(packages),
        "verify_ca": str(boxes.ca),
        "vault_youtube_key": PLATFORM_KEY,
        **more,
    }, indent=1))
    return place
