namespace CallServer.Gateway

open System.Text.Json.Nodes

/// Makes the JSON that simulated gateways answer with.
module internal JsonNodes =
    /// An object with these members, in this order.
    let object (pairs: (string * JsonNode) list) : JsonNode =
        let all = JsonObject()

        for name, value in pairs do
            all.Add(name, value)

        all

    let text (value: string) : JsonNode = JsonValue.Create value

    let number (value: int64) : JsonNode = JsonValue.Create value
