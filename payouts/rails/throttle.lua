-- The adaptive throttle's one script: every change of a rate, a slot or a breaker is atomic here.
--
-- KEYS[1] hash  the class: rate, tokens, at, slow, pause_until, cut_at, error_cut_at, measured,
--               window_at, window_n, limited_total, taken_total
-- KEYS[2] hash  calls in flight: holder -> "count lease_end"
-- KEYS[3] hash  the provider's breaker: failures, open_until, open_s, probe_until
-- ARGV: operation, holder, now_us ("0": the server's clock), then per operation
--   take      n            -> granted, wait_us, why
--   report    successes, limited, retry_after_us (-1: none), errors
--   release   n, unused (1: give the tokens back too)
--   snapshot               -> flat list of pairs
-- ARGV ends with the limits, in the order read below. Times are microseconds.

local op, holder = ARGV[1], ARGV[2]
local now = tonumber(ARGV[3])
if now == 0 then
  local t = redis.call('TIME')
  now = tonumber(t[1]) * 1000000 + tonumber(t[2])
end
local L = #ARGV - 15
local start_rate = tonumber(ARGV[L + 1])
local min_rate = tonumber(ARGV[L + 2])
local max_rate = tonumber(ARGV[L + 3])
local slow_gain = tonumber(ARGV[L + 4])
local add_gain = tonumber(ARGV[L + 5])
local add_share = tonumber(ARGV[L + 6])
local burst_s = tonumber(ARGV[L + 7])
local cut_limited = tonumber(ARGV[L + 8])
local cut_error = tonumber(ARGV[L + 9])
local cut_every = tonumber(ARGV[L + 10])
local pause_max = tonumber(ARGV[L + 11])
local flight_max = tonumber(ARGV[L + 12])
local lease = tonumber(ARGV[L + 13])
local trip_after = tonumber(ARGV[L + 14])
local open_max = tonumber(ARGV[L + 15])

local KEEP_S = 86400
local OPEN_FIRST = 1000000
local PROBE = 30000000
local SECOND = 1000000

local raw = redis.call('HGETALL', KEYS[1])
local s = {}
for i = 1, #raw, 2 do s[raw[i]] = tonumber(raw[i + 1]) end
local rate = s.rate or start_rate
if rate > max_rate then rate = max_rate end
local slow = s.slow or 1
-- Until a limit has shown itself a whole second may go at once; then only a small burst.
local capacity = rate
if slow == 0 then capacity = math.max(1, rate * burst_s) end
-- A clock that steps back must not stop us for longer than a pause may last.
local pause_until = math.min(s.pause_until or 0, now + pause_max)
local at = math.min(s.at or now, now + pause_max)
-- A first burst of a twentieth of a second: the first refusal comes back before much is wasted.
local tokens = s.tokens or math.max(1, rate * 0.05)
if now > at then
  tokens = math.min(capacity, tokens + rate * (now - at) / SECOND)
  at = now
end

local flight = 0
local mine = 0
local held = redis.call('HGETALL', KEYS[2])
for i = 1, #held, 2 do
  local count, ends = string.match(held[i + 1], '^(%d+) (%d+)$')
  if tonumber(ends) <= now then
    redis.call('HDEL', KEYS[2], held[i])
  else
    flight = flight + tonumber(count)
    if held[i] == holder then mine = tonumber(count) end
  end
end

local b = redis.call('HMGET', KEYS[3], 'failures', 'open_until', 'open_s', 'probe_until')
local failures = tonumber(b[1] or 0)
local open_until = math.min(tonumber(b[2] or 0), now + open_max)
local open_for = tonumber(b[3] or 0)
local probe_until = math.min(tonumber(b[4] or 0), now + PROBE)

-- Integers are written without an exponent: %.0f is exact up to 2^53, tostring is not.
local function int(value) return string.format('%.0f', value) end
local function float(value) return string.format('%.6f', value) end

local function hold(count)
  if count > 0 then
    redis.call('HSET', KEYS[2], holder, int(count) .. ' ' .. int(now + lease))
  else
    redis.call('HDEL', KEYS[2], holder)
  end
  redis.call('EXPIRE', KEYS[2], KEEP_S)
end

local function save()
  redis.call('HSET', KEYS[1], 'rate', float(rate), 'tokens', float(tokens), 'at', int(at),
    'slow', int(slow), 'pause_until', int(pause_until))
  redis.call('EXPIRE', KEYS[1], KEEP_S)
end

if op == 'take' then
  local n = tonumber(ARGV[4])
  local granted, wait, why = 0, 0, 'rate'
  local most = n
  if open_until > 0 then
    -- Half open: one call at a time finds out whether the provider is back.
    most = 1
    if now < open_until or now < probe_until then
      most = 0
      why = 'breaker'
      wait = math.max(open_until, probe_until) - now
      if now >= open_until then wait = math.min(wait, SECOND) end
    end
  end
  if most > 0 and now < pause_until then
    most, why, wait = 0, 'paused', pause_until - now
  end
  if most > 0 then
    local free = flight_max - flight
    granted = math.max(0, math.min(most, math.floor(tokens), free))
    if granted < n then
      if granted >= free then
        why, wait = 'in_flight', 50000
      elseif granted == 1 and open_until > 0 then
        why, wait = 'breaker', SECOND
      else
        -- Long enough for a worthwhile handful, short enough to lose no token to the cap.
        local missing = math.max(1, math.min(n - granted, capacity / 2)) - (tokens - granted)
        wait = math.max(1000, missing / rate * SECOND)
      end
    else
      why = ''
    end
  end
  if granted > 0 then
    tokens = tokens - granted
    hold(mine + granted)
    redis.call('HINCRBY', KEYS[1], 'taken_total', int(granted))
    if open_until > 0 then
      redis.call('HSET', KEYS[3], 'probe_until', int(now + PROBE))
      redis.call('EXPIRE', KEYS[3], KEEP_S)
    end
  end
  save()
  return {granted, int(math.ceil(wait)), why}
end

if op == 'release' then
  local n = tonumber(ARGV[4])
  hold(math.max(0, mine - n))
  if ARGV[5] == '1' then
    tokens = math.min(capacity, tokens + n)
    redis.call('HINCRBY', KEYS[1], 'taken_total', int(-n))
    redis.call('HDEL', KEYS[3], 'probe_until')
    save()
  end
  return {}
end

if op == 'report' then
  local successes, limited = tonumber(ARGV[4]), tonumber(ARGV[5])
  local retry_after, errors = tonumber(ARGV[6]), tonumber(ARGV[7])

  -- The first report only opens the window: when its calls began is not known.
  local window_at, window_n = now, 0
  if s.window_at then window_at, window_n = math.min(s.window_at, now), s.window_n + successes end
  local measured = s.measured or 0
  if now - window_at >= SECOND then
    local seen = window_n / ((now - window_at) / SECOND)
    measured = (measured + seen) / 2
    if seen > measured then measured = seen end
    window_at, window_n = now, 0
  end

  -- Twice what really gets through bounds the growth, so that an idle rail does not promise more.
  local ceiling = math.min(max_rate, math.max(start_rate, 2 * measured))
  if successes > 0 and limited == 0 and now >= pause_until then
    local gain = slow_gain * successes
    if slow == 0 then gain = math.max(add_gain, add_share * rate) * successes / rate end
    rate = math.max(rate, math.min(rate + gain, ceiling))
  end

  local cut_at = math.min(s.cut_at or 0, now)
  if limited > 0 then
    if now - cut_at >= cut_every then
      rate = math.max(min_rate, rate * cut_limited)
      cut_at = now
    end
    slow, tokens = 0, 0
    if retry_after > 0 then
      pause_until = math.max(pause_until, now + math.min(retry_after, pause_max))
      at = pause_until -- nothing is saved up during a pause: it would go out as one burst
    end
    redis.call('HINCRBY', KEYS[1], 'limited_total', int(limited))
  end
  local error_cut_at = math.min(s.error_cut_at or 0, now)
  if errors > 0 and now - error_cut_at >= cut_every then
    rate = math.max(min_rate, rate * cut_error)
    error_cut_at = now
  end

  -- Any answer, also a refusal or a 429, proves that the provider is there.
  if successes + limited > 0 then
    if failures > 0 or open_until > 0 then redis.call('DEL', KEYS[3]) end
    failures, open_until, open_for = 0, 0, 0
  end
  if errors > 0 and successes + limited == 0 then
    failures = failures + errors
    local is_probe_lost = open_until > 0 and now >= open_until
    if is_probe_lost or (open_until == 0 and failures >= trip_after) then
      open_for = math.min(open_max, open_for == 0 and OPEN_FIRST or open_for * 2)
      open_until = now + open_for
      probe_until = 0
    end
    redis.call('HSET', KEYS[3], 'failures', int(failures), 'open_until', int(open_until),
      'open_s', int(open_for), 'probe_until', int(probe_until))
    redis.call('EXPIRE', KEYS[3], KEEP_S)
  end

  save()
  redis.call('HSET', KEYS[1], 'measured', float(measured), 'window_at', int(window_at),
    'window_n', int(window_n), 'cut_at', int(cut_at), 'error_cut_at', int(error_cut_at))
  return {}
end

local state = 'closed'
if open_until > 0 then state = now < open_until and 'open' or 'half_open' end
return {
  'rate', float(rate), 'is_learned', int(1 - slow), 'tokens', float(tokens),
  'measured', float(s.measured or 0), 'in_flight', int(flight), 'holders', int(#held / 2),
  'paused_us', int(math.max(0, pause_until - now)), 'breaker', state,
  'breaker_us', int(math.max(0, open_until - now)), 'failures', int(failures),
  'limited_total', int(s.limited_total or 0), 'taken_total', int(s.taken_total or 0),
}
