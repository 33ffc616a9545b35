"""What AimDB 2.0.0 was seen to answer on the wire, frame by frame, and that a board answers the same.

Left out are its defects: a live id that ends two subscriptions, a record with a source that is written, `"ok":null`.
"""

import json

from aimdb import AimDb, Mailbox, SingleLatest, SpmcRing
from aimdb_aimx import AimxServer
from aimx_client import Client, Running, cable
from harness import equal

# What is sent, and what comes. A bare number is how many values are produced in sensors.temp.
READ_AND_WRITE = """
> {"t":"ping"}
< {"t":"pong"}
> {"t":"req","id":1,"method":"record.get","params":{"name":"setting"}}
< {"t":"reply","id":1,"ok":{"level":5}}
> {"t":"req","id":5,"method":"hello","params":{"client":"x","version":"2.0"}}
< {"t":"reply","id":5,"err":"version_mismatch"}
> {"t":"req","id":6,"method":"hello","params":{"client":"x"}}
< {"t":"reply","id":6,"err":"version_mismatch"}
> {"t":"req","id":7,"method":"hello"}
< {"t":"reply","id":7,"err":"version_mismatch"}
> {"t":"req","id":8,"method":"hello","params":{"version":3.0}}
< {"t":"reply","id":8,"err":"version_mismatch"}
> {"t":"req","id":15,"method":"record.get","params":{}}
< {"t":"reply","id":15,"err":"not_found"}
> {"t":"req","id":16,"method":"record.get","params":null}
< {"t":"reply","id":16,"err":"not_found"}
> {"t":"req","id":18,"method":"record.get","params":{"name":5}}
< {"t":"reply","id":18,"err":"not_found"}
> {"t":"req","id":19,"method":"no.such"}
< {"t":"reply","id":19,"err":"not_found"}
> {"t":"req","id":22,"method":"record.get","params":{"name":"setting"},"extra":[1,2],"seq":4}
< {"t":"reply","id":22,"ok":{"level":5}}
> { "params" : {"name":"setting"}, "method":"record.get", "id":23, "t":"req" }
< {"t":"reply","id":23,"ok":{"level":5}}
> {"t":"req","id":"24","method":"record.get","params":{"name":"setting"}}
> {"t":"req","id":25.0,"method":"record.get","params":{"name":"setting"}}
> {"t":"req","id":-1,"method":"record.get","params":{"name":"setting"}}
> {"t":"req","id":18446744073709551615,"method":"record.get","params":{"name":"setting"}}
< {"t":"reply","id":18446744073709551615,"ok":{"level":5}}
> {"t":"req","id":18446744073709551616,"method":"record.get","params":{"name":"setting"}}
> {"t":"req","id":0,"method":"record.get","params":{"name":"setting"}}
< {"t":"reply","id":0,"ok":{"level":5}}
> {"t":"req","method":"record.get","params":{"name":"setting"}}
> not json
> {"t":"zzz","id":30}
> [1,2,3]
> {"t":"req","id":35,"method":"record.set","params":{"name":"num","value":{"x":1.5}}}
< {"t":"reply","id":35,"ok":{"status":"success","value":{"x":1.5}}}
> {"t":"req","id":36,"method":"record.set","params":{"name":"setting"}}
< {"t":"reply","id":36,"err":"internal"}
> {"t":"req","id":37,"method":"record.set","params":{"name":"setting","value":null}}
< {"t":"reply","id":37,"err":"internal"}
> {"t":"req","id":3,"method":"record.set","params":{"name":"nosuch","value":{"level":1}}}
< {"t":"reply","id":3,"err":"denied"}
> {"t":"write","topic":"setting","payload":{"value":{"level":70}}}
> {"t":"req","id":45,"method":"record.get","params":{"name":"setting"}}
< {"t":"reply","id":45,"ok":{"level":70}}
> {"t":"write","topic":"setting","payload":{"level":71}}
> {"t":"req","id":46,"method":"record.get","params":{"name":"setting"}}
< {"t":"reply","id":46,"ok":{"level":71}}
> {"t":"write","topic":"boxed","payload":{"value":{"value":73,"unit":"Z"}}}
> {"t":"req","id":48,"method":"record.get","params":{"name":"boxed"}}
< {"t":"reply","id":48,"ok":{"value":73,"unit":"Z"}}
> {"t":"write","topic":"nosuch","payload":{"value":1}}
> {"t":"write","topic":"setting"}
> {"t":"req","id":50,"method":"record.get","params":{"name":"sensors.temp"}}
< {"t":"reply","id":50,"err":"not_found"}
1
> {"t":"req","id":51,"method":"record.get","params":{"name":"sensors.temp"}}
< {"t":"reply","id":51,"ok":{"n":1}}
2
> {"t":"req","id":53,"method":"record.drain","params":{"name":"sensors.temp","limit":1}}
< {"t":"reply","id":53,"ok":{"count":1,"record_name":"sensors.temp","values":[{"n":2}]}}
> {"t":"req","id":54,"method":"record.drain","params":{"name":"sensors.temp"}}
< {"t":"reply","id":54,"ok":{"count":1,"record_name":"sensors.temp","values":[{"n":3}]}}
> {"t":"req","id":55,"method":"record.drain","params":{"name":"sensors.temp","limit":0}}
< {"t":"reply","id":55,"ok":{"count":0,"record_name":"sensors.temp","values":[]}}
> {"t":"req","id":56,"method":"record.drain","params":{"name":"nosuch"}}
< {"t":"reply","id":56,"err":"not_found"}
> {"t":"req","id":57,"method":"record.drain","params":{}}
< {"t":"reply","id":57,"err":"internal"}
> {"t":"req","id":58,"method":"record.drain","params":{"name":"setting"}}
< {"t":"reply","id":58,"ok":{"count":1,"record_name":"setting","values":[{"level":71}]}}
> {"t":"req","id":59,"method":"record.drain","params":{"name":"setting"}}
< {"t":"reply","id":59,"ok":{"count":0,"record_name":"setting","values":[]}}
> {"t":"write","topic":"cmd","payload":{"value":{"op":"a"}}}
> {"t":"req","id":63,"method":"record.get","params":{"name":"cmd"}}
< {"t":"reply","id":63,"ok":{"op":"a"}}
> {"t":"req","id":64,"method":"record.get","params":{"name":"cmd"}}
< {"t":"reply","id":64,"ok":{"op":"a"}}
> {"t":"req","id":65,"method":"record.drain","params":{"name":"cmd"}}
< {"t":"reply","id":65,"ok":{"count":1,"record_name":"cmd","values":[{"op":"a"}]}}
> {"t":"req","id":66,"method":"record.get","params":{"name":"cmd"}}
< {"t":"reply","id":66,"err":"not_found"}
> {"t":"req","id":81,"method":"buffer_metrics.reset"}
< {"t":"reply","id":81,"ok":{"reset":true}}
"""

SUBSCRIPTIONS = """
> {"t":"sub","id":4,"topic":"setting"}
< {"t":"event","seq":1,"sub":"4","data":{"level":5}}
> {"t":"req","id":41,"method":"record.set","params":{"name":"setting","value":{"level":11}}}
< {"t":"reply","id":41,"ok":{"status":"success","value":{"level":11}}}
< {"t":"event","seq":2,"sub":"4","data":{"level":11}}
> {"t":"req","id":42,"method":"record.set","params":{"name":"setting","value":{"level":11}}}
< {"t":"reply","id":42,"ok":{"status":"success","value":{"level":11}}}
< {"t":"event","seq":3,"sub":"4","data":{"level":11}}
> {"t":"unsub","sub":"4"}
> {"t":"sub","id":3,"topic":"cmd"}
> {"t":"write","topic":"cmd","payload":{"value":{"op":"m1"}}}
< {"t":"event","seq":1,"sub":"3","data":{"op":"m1"}}
> {"t":"req","id":31,"method":"record.get","params":{"name":"cmd"}}
< {"t":"reply","id":31,"err":"not_found"}
> {"t":"unsub","sub":"3"}
> {"t":"sub","id":6,"topic":"nosuch"}
< {"t":"reply","id":6,"err":"not_found"}
> {"t":"sub","id":8,"topic":""}
< {"t":"reply","id":8,"err":"not_found"}
> {"t":"sub","id":9,"topic":"sensors.#"}
> {"t":"ping"}
< {"t":"pong"}
2
< {"t":"event","seq":1,"topic":"sensors.temp","sub":"9","data":{"n":1}}
< {"t":"event","seq":2,"topic":"sensors.temp","sub":"9","data":{"n":2}}
> {"t":"unsub","sub":"9"}
> {"t":"sub","id":13,"topic":"*"}
< {"t":"snap","seq":1,"last":true,"topic":"setting","sub":"13","data":{"level":11}}
> {"t":"write","topic":"num","payload":{"value":2}}
< {"t":"event","seq":2,"topic":"num","sub":"13","data":2}
"""


async def plays(transcript):
    near, far = cable(4000)
    db = AimDb()
    for key in ("setting", "boxed", "num"):
        db.configure(key, SingleLatest()).remote(write=True)
    db.configure("cmd", Mailbox()).remote(write=True)
    db.configure("sensors.temp", SpmcRing(16)).remote()
    AimxServer(db, serial=far)
    client = Client(near)
    count = 0
    async with Running(db):
        db.produce_any("setting", {"level": 5})
        for line in transcript.strip().split("\n"):
            if line[0] == ">":
                await client.send(line[2:].encode())
            elif line[0] == "<":
                equal(await client.next(), json.loads(line[2:]))
            else:
                for _ in range(int(line)):
                    count += 1
                    db.produce_any("sensors.temp", {"n": count})
        await client.nothing()


async def test_requests_are_answered_as_by_aimdb():
    await plays(READ_AND_WRITE)


async def test_subscriptions_are_served_as_by_aimdb():
    await plays(SUBSCRIPTIONS)
