"""What a jump of a Redis server's clock does, without touching the machine's."""

CLOCK_JUMP = """
local by = tonumber(ARGV[1])
for _, key in ipairs(redis.call("KEYS", "*")) do
    local left = redis.call("PTTL", key)
    if left >= 0 then
        redis.call("PEXPIRE", key, left - by)
    end
    if redis.call("TYPE", key).ok == "stream" then
        for _, group in ipairs(redis.call("XINFO", "GROUPS", key)) do
            local name = group[2]
            for _, entry in ipairs(redis.call("XPENDING", key, name, "-", "+", 100000)) do
                local id, consumer, idle, deliveries = unpack(entry)
                redis.call("XCLAIM", key, name, consumer, 0, id, "IDLE", math.max(0, idle + by),
                           "RETRYCOUNT", deliveries, "JUSTID")
            end
        end
    end
end
"""
"""Makes all keys expire ARGV[1] ms sooner, and all claims of stream entries that much older.

What is written afterwards lives as long as it says, as it would after a true jump: Redis counts
from the clock as it then is. Only for servers of one's own: it looks at every key, in one step.
"""
