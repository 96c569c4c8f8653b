//! What is offered.

use super::*;

#[test]
fn what_is_typed_behind_a_command_is_told_from_what_explains_it() {
    let keys = CommandHelp {
        name: "keys",
        usage: &[
            "add STREAM [--role backup] [--expires 2026-12-01|30d] [--from RANGE]...",
            "    [--label TEXT] [--json]   make a key",
            "list [--json]                 all keys",
            "                              of the stream",
            "start|stop OUTPUT  push to a target",
        ],
        about: "Keys",
    };
    let expected = "add --role backup --expires --from --label --json list start stop";
    assert_eq!(words(&keys).join(" "), expected);
}
