namespace CallServer.Accounting

open System
open System.Globalization
open System.Text
open CallServer.Prelude
open CallServer.Model
open CallServer.Wire

/// What a record reports about a connection, by the values of Acct-Status-Type (RFC 2866 §5.1). Accounting-On
/// and Accounting-Off (7, 8) are never sent: they say that all sessions of the NAS are gone, but ours live on
/// in the gateways while we restart.
[<RequireQualifiedAccess>]
type AccountingStatus =
    | Start
    | Interim
    | Stop

/// How this server names itself to a RADIUS server.
type RadiusNas =
    {
        /// NAS-Identifier: 1 to 253 octets.
        Identifier: string
        /// NAS-IP-Address, if one is configured.
        Address: uint32 voption
    }

/// One record that a RADIUS server must get.
type RadiusEntry =
    {
        /// Its place in the outbox.
        Sequence: int64
        /// Acct-Session-Id: records of one session are sent in their order.
        Session: string
        /// When it was put into the outbox, on the wall clock: Acct-Delay-Time counts from here.
        At: Instant
        /// All but Acct-Delay-Time.
        Attributes: RadiusAttribute list
    }

/// Makes the attributes from a CDR in JSON, as the outbox holds it (docs/cdr-fields.md has the names). RADIUS
/// has one number where we have two bounds: billing gets the lower one, and finds both in the CDR whose id is
/// the Acct-Session-Id.
module RadiusRecord =
    let private find (name: string) (node: Json) : Json voption =
        match node.Value with
        | JsonValue.Members members ->
            match members |> Array.tryFind (fun struct (known, _) -> known = name) with
            | Some(struct (_, child)) -> ValueSome child
            | None -> ValueNone
        | _ -> ValueNone

    let private text (name: string) (node: Json) : string voption =
        match find name node with
        | ValueSome { Value = JsonValue.Text text } when text <> "" -> ValueSome text
        | _ -> ValueNone

    let private number (name: string) (node: Json) : int64 voption =
        match find name node with
        | ValueSome { Value = JsonValue.Number written } ->
            match Int64.TryParse(written, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture) with
            | true, value -> ValueSome value
            | false, _ -> ValueNone
        | _ -> ValueNone

    let private seconds (name: string) (node: Json) : int64 voption =
        match text name node with
        | ValueSome stamp ->
            match
                DateTimeOffset.TryParse(stamp, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal)
            with
            | true, time -> ValueSome(time.ToUnixTimeSeconds())
            | false, _ -> ValueNone
        | ValueNone -> ValueNone

    /// Service-Type Login and NAS-Port-Type Virtual (RFC 2865 §5.6, §5.41), as voice gateways send them.
    let private login = 1L
    let private virtualPort = 5L

    let private userRequest = 1L
    let private lostCarrier = 2L
    let private lostService = 3L
    let private idleTimeout = 4L
    let private sessionTimeout = 5L
    let private adminReset = 6L
    let private nasError = 9L
    let private nasReboot = 11L

    /// Acct-Terminate-Cause (RFC 2866 §5.10) of a call whose end its gateway saw, by its Q.850 cause in the
    /// names of billing. Whatever one party did is User Request.
    let private ofHistory (cause: string) : int64 =
        match cause with
        | "NETWORK_OUT_OF_ORDER"
        | "NORMAL_TEMPORARY_FAILURE"
        | "DESTINATION_OUT_OF_ORDER"
        | "SWITCH_CONGESTION" -> lostService
        | "MEDIA_TIMEOUT" -> idleTimeout
        | "ALLOTTED_TIMEOUT"
        | "RECOVERY_ON_TIMER_EXPIRE" -> sessionTimeout
        | "PROTOCOL_ERROR"
        | "INTERWORKING" -> nasError
        | _ -> userRequest

    /// Acct-Terminate-Cause from `end_evidence` and `hangup_cause`. Absence is Lost Carrier, because nobody
    /// saw the end.
    let terminateCause (evidence: string) (cause: string) : int64 =
        match evidence with
        | "gateway-restart" -> nasReboot
        | "operator"
        | "released" -> adminReset
        | "gateway-history" -> ofHistory cause
        | _ -> lostCarrier

    /// A 64-bit counter in two attributes; the Gigawords only if they are needed (RFC 2869 §5.1).
    let private octets (low: byte) (high: byte) (count: int64 voption) : RadiusAttribute list =
        match count with
        | ValueSome count when count >= 0L ->
            [ RadiusAttribute.integer low (count &&& 0xFFFFFFFFL)
              if count > 0xFFFFFFFFL then
                  RadiusAttribute.integer high (count >>> 32) ]
        | _ -> []

    let private packets (number: byte) (count: int64 voption) : RadiusAttribute list =
        match count with
        | ValueSome count when count >= 0L -> [ RadiusAttribute.integer number count ]
        | _ -> []

    /// Input is what the gateway received on this connection, output what it sent.
    let private counters (cdr: Json) : RadiusAttribute list =
        match find "counters" cdr with
        | ValueSome told ->
            octets RadiusType.AcctInputOctets RadiusType.AcctInputGigawords (number "octets_received" told)
            @ octets RadiusType.AcctOutputOctets RadiusType.AcctOutputGigawords (number "octets_sent" told)
            @ packets RadiusType.AcctInputPackets (number "packets_received" told)
            @ packets RadiusType.AcctOutputPackets (number "packets_sent" told)
        | ValueNone -> []

    let private statusType (status: AccountingStatus) : int64 =
        match status with
        | AccountingStatus.Start -> 1L
        | AccountingStatus.Stop -> 2L
        | AccountingStatus.Interim -> 3L

    let private ending (status: AccountingStatus) (cdr: Json) : RadiusAttribute list =
        let time () =
            RadiusAttribute.integer
                RadiusType.AcctSessionTime
                (number "billsec" cdr |> ValueOption.defaultValue 0L)

        match status with
        // RFC 2866 §5.7, §5.10: a Start may have neither.
        | AccountingStatus.Start -> []
        | AccountingStatus.Interim -> time () :: counters cdr
        | AccountingStatus.Stop ->
            let word name = text name cdr |> ValueOption.defaultValue ""

            time () :: counters cdr
            @ [ RadiusAttribute.integer
                    RadiusType.AcctTerminateCause
                    (terminateCause (word "end_evidence") (word "hangup_cause")) ]

    /// Event-Timestamp (RFC 2869 §5.3): the start from which billing counts, or the end to which it counts.
    let private eventTime (status: AccountingStatus) (at: Instant) (cdr: Json) : int64 =
        let stamp =
            match status with
            | AccountingStatus.Start -> seconds "answer_stamp" cdr
            | AccountingStatus.Interim
            | AccountingStatus.Stop -> seconds "end_stamp" cdr

        match stamp with
        | ValueSome seconds -> seconds
        | ValueNone -> (Instant.toDateTime at).ToUnixTimeSeconds()

    let private attributes
        (nas: RadiusNas)
        (status: AccountingStatus)
        (session: string)
        (at: Instant)
        (cdr: Json)
        =
        let told (kind: byte) (name: string) =
            match text name cdr with
            | ValueSome text -> RadiusAttribute.text kind text
            | ValueNone -> []

        let port =
            match text "gateway" cdr, text "connection" cdr with
            | ValueSome gateway, ValueSome connection -> $"{gateway}/{connection}"
            | ValueSome gateway, ValueNone -> gateway
            | ValueNone, _ -> ""

        [ RadiusAttribute.integer RadiusType.AcctStatusType (statusType status) ]
        @ RadiusAttribute.text RadiusType.AcctSessionId session
        @ told RadiusType.AcctMultiSessionId "call"
        @ told RadiusType.UserName "originator"
        @ told RadiusType.CallingStationId "originator"
        @ told RadiusType.CalledStationId "remote"
        @ RadiusAttribute.text RadiusType.NasIdentifier nas.Identifier
        @ (match nas.Address with
           | ValueSome address -> [ { Type = RadiusType.NasIpAddress; Value = RadiusValue.Address address } ]
           | ValueNone -> [])
        @ [ RadiusAttribute.integer RadiusType.NasPortType virtualPort ]
        @ RadiusAttribute.text RadiusType.NasPortId port
        @ told RadiusType.ConnectInfo "read_codec"
        @ [ RadiusAttribute.integer RadiusType.ServiceType login
            RadiusAttribute.time RadiusType.EventTimestamp (eventTime status at cdr) ]
        @ ending status cdr

    /// Makes the record of an outbox entry, or says why it cannot: what the store holds is no CDR.
    let read
        (nas: RadiusNas)
        (sequence: int64)
        (status: AccountingStatus)
        (session: string)
        (at: Instant)
        (json: string)
        : Result<RadiusEntry, string> =
        match Json.parseOctets (Encoding.UTF8.GetBytes json) with
        | Ok { Value = JsonValue.Members _ } when session = "" -> Error "no id"
        | Ok({ Value = JsonValue.Members _ } as cdr) ->
            Ok
                { Sequence = sequence
                  Session = session
                  At = at
                  Attributes = attributes nas status session at cdr }
        | Ok _ -> Error "not a JSON object"
        | Error mistakes -> Error(mistakes |> List.map string |> String.concat "; ")
