# For people who build their own firmware: freezes the library into it, where its code takes no RAM. In their manifest:
#
#     include("/path/to/this/repository/manifest.py")
#
# The calls that cost most are native code, so the port must tell mpy-cross its -march, as rp2 and esp32 do.
# With packages=("aimdb", "other") as a second argument it freezes those below lib/, instead of the library alone.
metadata(description="Records with buffers between sensor loops and everything else.", version="0.1.0")

options.defaults(packages=("aimdb",))

for name in options.packages:
    package(name, base_path="lib", opt=3)
