"""What a program may say when it makes something or adds a link; see the module of this name in aimdb."""

OPTIONS = """\
Broker url client_id clean_session will keepalive_s in_flight timeout_ms retry_ms tls max_packet
MqttTopic url qos retain codec capacity commits broker
link_from qos codec capacity retained broker
link_to qos retain codec newest broker"""
