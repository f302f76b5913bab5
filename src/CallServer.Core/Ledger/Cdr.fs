namespace CallServer.Ledger

open System
open System.Buffers.Binary
open System.Security.Cryptography
open System.Text
open CallServer.Model

/// The detail record of one ended connection. Nothing in it is a guess: each time is an interval with its
/// evidence.
type Cdr =
    {
        /// Name-based (RFC 9562 §5.5), made only of what the gateway states exactly (rule 9).
        Id: Guid
        Gateway: GatewayId
        Connection: Connection
        Ending: Ending
        /// The gateway reuses ids and states no stamp, so Id may stand for several connections.
        IdReused: bool
    }

/// Makes a CDR and gives the figures that billing reads.
module Cdr =
    /// The name space of CallServer's records: itself a version 5 UUID, of the DNS name callserver.invalid.
    let private nameSpace = Guid "2b3c1f6e-6a3f-5d43-9d0b-6c8f0b7ad6a1"

    /// RFC 9562 §5.5: SHA-1 over the name space and the name.
    let private version5 (name: string) : Guid =
        let octets = Array.zeroCreate<byte> (16 + Encoding.UTF8.GetByteCount name)
        nameSpace.TryWriteBytes(octets.AsSpan(), true) |> ignore
        Encoding.UTF8.GetBytes(name, 0, name.Length, octets, 16) |> ignore
        let hash = SHA1.HashData octets
        hash[6] <- (hash[6] &&& 0x0Fuy) ||| 0x50uy
        hash[8] <- (hash[8] &&& 0x3Fuy) ||| 0x80uy
        Guid(ReadOnlySpan(hash, 0, 16), true)

    /// Each part is written with its length, so that two different lists never give one id.
    let internal idOfParts (parts: string voption list) : Guid =
        let part (text: string voption) =
            match text with
            | ValueSome text -> string text.Length + ":" + text + ";"
            | ValueNone -> "-;"

        parts |> List.map part |> String.concat "" |> version5

    /// The CDR's id, the same on every server that heard the connection: made of gateway, connection id, raw
    /// setup stamp and boot token (rule 9).
    let id (gateway: GatewayId) (connection: Connection) : Guid =
        idOfParts
            [ ValueSome(string gateway)
              ValueSome(string connection.Id)
              connection.Stamp
              connection.BootToken |> ValueOption.map string ]

    /// The CDR of a connection that ended.
    let create (gateway: GatewayId) (traits: Traits) (connection: Connection) (ending: Ending) : Cdr =
        { Id = id gateway connection
          Gateway = gateway
          Connection = connection
          Ending = ending
          IdReused = traits.ReusesIds && connection.Stamp.IsNone }

    /// From one instant to another, rounded to whole seconds; 0 if the later one is earlier.
    let private seconds (round: float -> float) (earlier: Instant) (later: Instant) =
        if later <= earlier then 0L else int64 (round (later - earlier).TotalSeconds)

    /// The lower bound of the time from answer to end, in whole seconds: what is billed unless the operator
    /// says otherwise. 0 for a connection that was never heard to be active.
    let billedSeconds (cdr: Cdr) : int64 =
        seconds Math.Floor cdr.Connection.Start.Within.Latest cdr.Ending.Within.Earliest

    /// The upper bound of the time from answer to end, in whole seconds; ValueNone if the start has no lower
    /// bound.
    let billedSecondsMax (cdr: Cdr) : int64 voption =
        match cdr.Connection.Start.Within.Earliest with
        | open' when open' = Instant.distantPast -> ValueNone
        | earliest -> ValueSome(seconds Math.Ceiling earliest cdr.Ending.Within.Latest)

    /// The lower bound of the time from setup to end, in whole seconds; from answer to end if the setup is
    /// not known.
    let duration (cdr: Cdr) : int64 =
        match cdr.Connection.Setup with
        | ValueSome setup -> seconds Math.Floor setup.Within.Latest cdr.Ending.Within.Earliest
        | ValueNone -> billedSeconds cdr

    /// The end that fits the lower bounds `billedSeconds` and `duration`: the earliest end, but not before
    /// the setup and the answer that they start from.
    let endStamp (cdr: Cdr) : Instant =
        let start = cdr.Connection.Start.Within.Latest

        let setup =
            cdr.Connection.Setup
            |> ValueOption.map _.Within.Latest
            |> ValueOption.defaultValue Instant.distantPast

        let answered = if start = Instant.distantFuture then Instant.distantPast else start
        cdr.Ending.Within.Earliest |> Instant.max setup |> Instant.max answered

    /// Why it ended, in the names of ITU-T Q.850 that billing knows.
    let hangupCause (cdr: Cdr) : string =
        match cdr.Ending.Cause, cdr.Ending.Evidence with
        // The gateway's words about a release say nothing about the call.
        | _, Released -> "MANAGER_REQUEST"
        | ValueSome cause, _ -> cause
        | ValueNone, (Absent | GatewayHistory) -> "NORMAL_UNSPECIFIED"
        | ValueNone, GatewayRestart -> "NORMAL_TEMPORARY_FAILURE"
        | ValueNone, Operator -> "MANAGER_REQUEST"
