"""Operations of Redis that calibration does not measure, and what each takes as long as."""

from collections.abc import Mapping

ALIKE: Mapping[str, str] = {
    # One command.
    "set": "set_if_absent",
    "channels.publish": "get",
    "channels.subscribe": "get",
    # Scripts that look and then write.
    "set_if_absent_fenced": "extend_if_equal",
    "set_unless": "extend_if_equal",
    "channels.release": "delete_if_equal",
    "streams.add": "extend_if_equal",
    "streams.read": "extend_if_equal",
    "streams.claim_idle": "extend_if_equal",
    "streams.refresh": "extend_if_equal",
    "streams.acknowledge": "delete_if_equal",
}
