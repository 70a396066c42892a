-- row.lua ITERATIONS SEED: calls, tables, strings, floating point.
local iterations, seed = tonumber(arg[1]), tonumber(arg[2])

local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end

local sum = 0
for _ = 1, iterations do
  sum = (sum * 31 + fib(16)) % 1000003
  local t = {}
  for i = 1, 2000 do t[i] = (i * 7919 + seed) % 5003 end
  table.sort(t)
  for i, v in ipairs(t) do sum = (sum * 31 + v * i) % 1000003 end
  local parts = {}
  for i = 1, 500 do parts[i] = string.format("%d:%s", i, string.char(97 + i % 26)) end
  local text = table.concat(parts, ","):gsub("(%d+):(%a)", "%2=%1")
  sum = (sum + #text + text:byte(sum % #text + 1)) % 1000003
  local x = 0.5
  for _ = 1, 2000 do x = 3.7 * x * (1 - x) end
  sum = (sum + math.floor(x * 1e6)) % 1000003
end
print(string.format("%d", sum))
