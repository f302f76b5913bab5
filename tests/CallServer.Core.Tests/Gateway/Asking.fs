/// A simple client for simulated agents: it believes everything and waits for nothing.
module CallServer.Tests.Gateway.Asking

open System
open System.Text
open CallServer.Model
open CallServer.Wire
open CallServer.Gateway
open CallServer.Tests

let epoch = Instant.ofMicros 1_790_000_000_000_000L

let seconds (seconds: float) = TimeSpan.FromSeconds seconds

let gateway profile seed connections churn = Gateways.simple profile "gw1" seed connections churn epoch

let withVices vices state = AgentState.withVices vices state

let v2c (pdu: Pdu) : byte[] = Snmp.encode (V2c(Encoding.UTF8.GetBytes "public", pdu))

/// The reply to an SNMPv2c request, if one came.
let tryAsk (now: Instant) (pdu: Pdu) (state: AgentState) : struct (AgentState * Pdu option) =
    let struct (state, replies) = SnmpAgent.respond now (v2c pdu) state

    match replies with
    | [] -> struct (state, None)
    | [ reply ] ->
        match Snmp.decode reply.Datagram with
        | Ok(V2c(_, pdu)) -> struct (state, Some pdu)
        | other -> failwith $"not a reply of SNMPv2c: %A{other}"
    | _ -> failwith "several replies to one request"

let ask now pdu state : struct (AgentState * Pdu) =
    match tryAsk now pdu state with
    | struct (state, Some reply) -> struct (state, reply)
    | struct (_, None) -> failwith "no reply"

let value now (name: string) state : Value =
    let struct (_, reply) = ask now (Pdu.get 1 [ Oid.parse name ]) state
    reply.VarBinds[0].Value

/// Everything below a root that is in order, one request at a time.
let walk (request: Oid -> Pdu) (now: Instant) (root: Oid) (state: AgentState) : VarBind[] =
    let found = ResizeArray<VarBind>()
    let mutable state = state
    let mutable from = root
    let mutable more = true

    while more do
        let struct (after, reply) = ask now (request from) state
        state <- after
        more <- reply.VarBinds.Length > 0

        for varBind in reply.VarBinds do
            if more then
                if varBind.Value = EndOfMibView || not (Oid.isPrefixOf root varBind.Name) then
                    more <- false
                elif Oid.compare varBind.Name from <= 0 then
                    failtest $"{varBind.Name} does not come after {from}"
                else
                    found.Add varBind
                    from <- varBind.Name

    found.ToArray()

let walkNext now root state = walk (fun from -> Pdu.getNext 1 [ from ]) now root state

let walkBulk repetitions now root state =
    walk (fun from -> Pdu.getBulk 1 0 repetitions [ from ]) now root state

let everything = Oid.parse "1.3.6.1"

/// A column that every row of a profile has, and whose values or instances tell the rows apart.
let identityColumn profile : Oid =
    match profile with
    | "cisco-voice"
    | "h3c-voice"
    | "3com-voice"
    | "dial-control" -> Oid.parse "1.3.6.1.2.1.10.21.1.3.1.1.8"
    | "cisco-xgcp" -> Oid.parse "1.3.6.1.4.1.9.9.318.1.4.1.1.3"
    | "avaya-rtp" -> Oid.parse "1.3.6.1.4.1.6889.2.7.2.1.2"
    | "adtran-vqm" -> Oid.parse "1.3.6.1.4.1.664.5.53.5.3.8.1.1.9"
    | "adtran-rtp" -> Oid.parse "1.3.6.1.4.1.664.5.53.5.2.1.1.1.3"
    | "audiocodes" -> Oid.parse "1.3.6.1.4.1.5003.9.10.4.2.1.1.1.2"
    | "freeswitch" -> Oid.parse "1.3.6.1.4.1.27880.1.9.1.2"
    | "asterisk" -> Oid.parse "1.3.6.1.4.1.22736.1.5.2.1.20"
    | "rtp-mib" -> Oid.parse "1.3.6.1.2.1.87.1.3.1.9"
    | other -> failwith $"no such profile: {other}"

let text (value: Value) : string =
    match value with
    | OctetString octets -> Encoding.UTF8.GetString octets
    | other -> failwith $"not text: %A{other}"
