import asyncio

import sensor_node

asyncio.run(sensor_node.main())
