"""Where the public names are. Loaded when one is first asked for, and not kept."""

# A line for each module: it is loaded when one of its names is first used.
MODULES = """\
aimdb_mqtt.broker Broker State
aimdb_mqtt.topic MqttTopic
aimdb_net.errors MqttError=PeerError Unreachable Refused ConnectionLost NotConnected
aimdb.json_codec JsonCodec
aimdb.bytes_codec BytesCodec
aimdb.struct_codec StructCodec"""
