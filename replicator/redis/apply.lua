local mk, split = KEYS[1], ARGV[1]
local pcall, unpack, sub, type = redis.pcall, unpack, string.sub, type
local A = ARGV
local have = redis.call('HMGET', mk, split, split .. ' stop', split .. ' owner')
local stop = have[2] or ''
local token = stop ~= '' and sub(stop, 1, 17) or have[1] and sub(have[1], 37, 52) or ''
if token ~= A[2] then return {'lost', have[3] or '', have[1] and 1 or 0} end
local function write(...)
  local e = pcall('HSET', mk, ...)
  return type(e) == 'table' and e.err
end
local err = write(split, A[3])
if not err and stop ~= '' then err = write(split .. ' stop', '') end
if not err and A[4] ~= '' then err = write(split .. ' owner', A[4]) end
if err then return {'halt', 0, err} end
local from, width, at, number, top = tonumber(A[5]), tonumber(A[7]), 8, 0, #A
local function halt(n, text)
  local last, same = n > 1 and sub(A[6], (n - 2) * width + 1, (n - 1) * width) or '', 0
  while last ~= '' and same < n - 1 and sub(A[6], (n - 2 - same) * width + 1, (n - 1 - same) * width) == sub(A[6], (n - 1) * width + 1, n * width) do same = same + 1 end
  return {'halt', n, text}
end
while at <= top do
  local records, calls = tonumber(A[at]), tonumber(A[at + 1])
  at = at + 2
  local forms = {}
  for c = 1, calls do
    local p, k = tonumber(A[at]), tonumber(A[at + 1])
    at = at + 2
    local form = {p = p, k = k}
    for i = 1, p do form[i] = A[at + i - 1] end
    at = at + p
    forms[c] = form
  end
  local form = forms[1]
  local p, k = form.p, form.k
  local n = p + k
  for r = 1, records do
    number = number + 1
    for i = 1, k do form[p + i] = A[at + i - 1] end
    at = at + k
    local e = pcall(unpack(form, 1, n))
    if type(e) == 'table' and e.err then return halt(number, e.err) end
  end
end
return 1
