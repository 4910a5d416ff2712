-- Runs in Envoy for every answer of the model: notes the tokens it tells of, a chunk at a time so that nothing is held back, and
-- turns an answer that is about the operator's credential into one that the CLI tries again, by when the gate holds it.

local function note(handle, name, value)
  handle:streamInfo():dynamicMetadata():set("agentflow", name, value)
end

local function is_about_us(headers)
  local status = headers:get(":status")
  return status == "401" or (status == "429" and headers:get("anthropic-ratelimit-unified-status") == "rejected")
end

local function report(handle, headers)
  local request = { [":method"] = "POST", [":path"] = "/refused", [":authority"] = "gate" }
  request["x-status"] = headers:get(":status")
  request["x-reset"] = headers:get("anthropic-ratelimit-unified-reset")
  handle:httpCall("gate", request, "", 5000)
end

function envoy_on_response(handle)
  local headers = handle:headers()
  if is_about_us(headers) then
    report(handle, headers)
    headers = handle:headers() -- what was got before a call is not to be used after it
    headers:replace(":status", "503")
    headers:replace("x-should-retry", "true")
    local about = {}
    for name, _ in pairs(headers) do
      if name:sub(1, 20) == "anthropic-ratelimit-" or name == "retry-after" then
        about[#about + 1] = name
      end
    end
    for _, name in ipairs(about) do
      headers:remove(name)
    end
    return
  end
  local seen = ""
  for chunk in handle:bodyChunks() do
    local text = seen .. chunk:getBytes(0, chunk:length())
    for name, value in text:gmatch('"([a-z0-9_]+_tokens)":%s*(%d+)') do
      note(handle, name, tonumber(value))
    end
    local searches = text:match('"web_search_requests":%s*(%d+)')
    if searches then
      note(handle, "web_search_requests", tonumber(searches))
    end
    local model = text:match('"model":%s*"([%w%.:@/_-]+)"')
    if model then
      note(handle, "model", model)
    end
    seen = text:sub(-160)
  end
end
