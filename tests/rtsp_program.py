"""An RTSP server of GStreamer, for the system's Python, which has `gi`: a colour as VP8, with a name and a password.

Usage: python3 rtsp_program.py PORT RRGGBB NAME PASSWORD. Port 0 takes a free one. It prints the port once it listens.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402  after the versions


def main(port: str, color: str, name: str, password: str) -> None:
    """Serve rtsp://NAME:PASSWORD@127.0.0.1:PORT/cam until killed."""
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "user")
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(name, password), token)
    server.set_auth(auth)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(
        f"( videotestsrc is-live=true pattern=solid-color foreground-color=0xff{color} "
        "! video/x-raw,width=64,height=48,framerate=20/1,format=I420 "
        "! vp8enc deadline=1 keyframe-max-dist=5 ! rtpvp8pay name=pay0 )"
    )
    factory.set_shared(True)
    permissions = GstRtspServer.RTSPPermissions()
    structure = Gst.Structure.new_empty("user")
    structure.set_value("media.factory.access", True)
    structure.set_value("media.factory.construct", True)
    permissions.add_role_from_structure(structure)
    factory.set_permissions(permissions)
    server.get_mount_points().add_factory("/cam", factory)
    server.attach(None)
    sys.stdout.write(f"{server.get_bound_port()}\n")
    sys.stdout.flush()
    GLib.MainLoop().run()


if __name__ == "__main__":
    main(*sys.argv[1:])
