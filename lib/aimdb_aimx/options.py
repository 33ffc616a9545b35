"""What a program may say when it makes something or adds a link; see the module of this name in aimdb."""

OPTIONS = """\
AimxRecord url codec capacity hub
AimxServer db tcp serial token anyone tls key connections subscriptions max_frame timeout_ms silence_ms
Hub url token keepalive_s in_flight timeout_ms retry_ms tls max_frame
link_from codec capacity hub
link_to codec newest hub"""
