// Decodes an SNMP message by hand: dotnet fsi scripts/decode.fsx [HEX]
#load "load.fsx"

open System
open CallServer.Wire

// A GETBULK as an audit sends it: sysUpTime with every row (one non-repeater), ten rows of two columns of
// callActiveTable.
let sample =
    Pdu.getBulk
        4711
        1
        10
        [ Oid.parse "1.3.6.1.2.1.1.3"
          Oid.parse "1.3.6.1.2.1.10.21.1.3.1.1.8"
          Oid.parse "1.3.6.1.2.1.10.21.1.3.1.1.9" ]
    |> fun pdu -> Snmp.encode (V2c("public"B, pdu))

let octets =
    match fsi.CommandLineArgs |> Array.tryItem 1 with
    | Some hex -> Convert.FromHexString hex
    | None -> sample

printfn "%d octets: %s" octets.Length (Convert.ToHexStringLower octets)

match Snmp.decode octets with
| Ok(V2c(community, pdu)) ->
    printfn
        "SNMPv2c, community %s, %A, request id %d"
        (Text.Encoding.UTF8.GetString community)
        pdu.Kind
        pdu.RequestId

    for varBind in pdu.VarBinds do
        printfn "  %O = %A" varBind.Name varBind.Value
| Ok(V3 message) ->
    printfn
        "SNMPv3, %A, engine %s, boots %d"
        message.Level
        (Convert.ToHexStringLower message.Security.EngineId)
        message.Security.EngineBoots
| Error error -> printfn "not a message: %O" error

// Real agents send an INTEGER with a needless zero octet, which strict readers refuse and this one accepts. A length
// beyond the end is reported with its offset.
let damaged = Array.copy sample
damaged[1] <- 0x7Fuy

match Snmp.decode damaged with
| Ok _ -> failwith "a message cannot be longer than its datagram"
| Error error -> printfn "with a wrong length: %O" error
