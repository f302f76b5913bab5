namespace CallServer.Surface

open System.Collections.Generic
open System.Runtime.InteropServices
open CallServer.Model
open CallServer.Ledger

/// By what connections of other servers may be joined with one.
[<Sealed; AllowNullLiteral>]
type JoinKeys internal (call: CallId voption, media: MediaAddress list) =
    static let ascii (text: string) =
        text |> String.map (fun c -> if c >= 'A' && c <= 'Z' then char (int c + 32) else c)

    /// A call id as a store compares it: without dashes and outer braces, in small letters. More is alike by this than
    /// joins. Null if there is no id, or if it reaches no other gateway.
    static member CallOf(call: string) : string =
        match call with
        | null -> null
        | id -> ascii (id.Trim('{', '}').Replace("-", ""))

    /// The call id, as CallOf gives it.
    member _.Call: string =
        match call with
        | ValueSome id -> JoinKeys.CallOf(CallId.value id)
        | ValueNone -> null

    /// Its own media addresses and those that it sends to, HOST:PORT, each once.
    member _.Media: IReadOnlyList<string> = [| for address in media -> string address |]

/// What another server has written of a gateway: its row, and some of its connections.
[<Sealed>]
type ElsewhereRecord
    /// `protocol`: by which it is asked; null if that is not known. `ended`: connections that ended, with the bounds of when,
    /// on this server's timeline. `left`: connections that the record does not have any more, without an end. Throws
    /// InvalidDataException if a row cannot be read.
    (
        row: GatewayRow,
        rows: IEnumerable<ConnectionRow>,
        shift: TimelineShift,
        protocol: string,
        ended: IEnumerable<struct (string * Instant * Instant)>,
        left: IEnumerable<string>
    ) =
    let ledger =
        { StoredRows.toGateway row with
            Connections = StoredRows.presentSome row rows |> Array.map StoredRows.toConnection }
        |> HandOver.read shift

    let ended =
        [| for struct (id, earliest, latest) in ended ->
               struct (ConnectionId.create id, Interval.create earliest latest) |]

    let left = [| for id in left -> ConnectionId.create id |]

    member internal _.Step(protocols: GatewayProtocols) : ElsewhereStep =
        let complete =
            match ledger.Completes with
            | newest :: _ -> newest
            | [] -> Instant.distantPast

        { Gateway = ledger.Gateway
          Source = if isNull protocol then ValueNone else protocols.SourceOf protocol
          DriftPpm = ledger.Traits.DriftPpm
          Audit = ValueSome { Asked = complete; IsComplete = complete = ledger.LastAsked }
          Connections = ledger.Connections
          Ended = ended
          Left = left }

/// Calls with legs on gateways of several servers that write one record: each server joins its own gateways' connections
/// with those of the others that may belong to the same calls.
[<Sealed; AbstractClass>]
type SharedCalls private () =
    static let keys (source: CallSource) (c: Connection) =
        let struct (call, media) = CallsElsewhere.keys source.Source source.Gateway c
        JoinKeys(call, media)

    static let theirs (struct (source: CallSource, c: Connection)) = keys source c

    static let keysOf (connections: Connection[]) (source: CallSource voption) : IReadOnlyList<JoinKeys> =
        match source with
        | ValueSome source -> Array.map (keys source) connections
        | ValueNone -> [||]

    static let source (calls: CallRecord) (gateway: GatewayId) =
        match calls.Table.Sources.TryGetValue gateway with
        | true, source -> ValueSome source
        | _ -> ValueNone

    static let idsOf (source: CallSource) = source.Connections |> Seq.map (fun c -> string c.Id)

    /// The calls with what other servers have written up to `heard`, and the findings that began or are over. Gateways that
    /// this server keeps are passed over.
    static member Import
        (
            calls: CallRecord,
            heard: Instant,
            records: IEnumerable<ElsewhereRecord>,
            now: Instant,
            stamp: ServerStamp,
            [<Out>] changes: byref<IReadOnlyList<FindingChange>>
        ) : CallRecord =
        let steps = [| for record in records -> record.Step calls.Protocols |]
        let struct (next, found) = CallsElsewhere.import heard steps calls.Table
        changes <- CallRecord.Told(next, found, stamp, now)
        calls.With next

    /// The calls of a server that keeps these gateways no more. What has nothing to do with its own gateways is forgotten.
    static member Leave(calls: CallRecord, gateways: IEnumerable<string>) : CallRecord =
        calls.With(CallsElsewhere.leave [| for gateway in gateways -> GatewayId.create gateway |] calls.Table)

    /// Whether a connection of another server's gateway may belong to a call of this one. The rest is as a row has it.
    static member MayMeet
        (calls: CallRecord, gateway: string, call: string, localMedia: string, remoteMedia: string)
        =
        let media text =
            match text with
            | null -> ValueNone
            | text -> MediaAddress.tryParse text |> ValueOption.ofOption

        CallsElsewhere.mayMeet
            calls.Protocols.CallIdReaches
            (GatewayId.create gateway)
            (ValueOption.ofObj call |> ValueOption.bind (CallId.tryCreate >> ValueOption.ofOption))
            [ media localMedia; media remoteMedia ]
            calls.Table

    /// By what to look for connections of other servers after a step of an own gateway, which must be in the calls.
    static member KeysOf(calls: CallRecord, step: RecordStep) : IReadOnlyList<JoinKeys> =
        keysOf step.Written (source calls step.Ledger.Gateway)

    /// The same for all connections of an own gateway.
    static member KeysOf(calls: CallRecord, gateway: string) : IReadOnlyList<JoinKeys> =
        match source calls (GatewayId.create gateway) with
        | ValueSome own -> keysOf own.Connections (ValueSome own)
        | ValueNone -> [||]

    /// By what others still may be joined with what other servers' connections are in calls of this one.
    static member Related(calls: CallRecord) : IEnumerable<JoinKeys> =
        CallsElsewhere.related calls.Table |> Seq.map theirs

    /// The same for calls that the newest step made or changed.
    static member Met(calls: CallRecord) : IEnumerable<JoinKeys> =
        CallsElsewhere.met calls.Table |> Seq.map theirs

    /// Those whose next report may make or clear a finding that this server tells.
    static member Watched(calls: CallRecord) : IEnumerable<struct (string * string)> =
        CallsElsewhere.watched calls.Table
        |> Seq.map (fun (struct (source, c)) -> struct (string source.Gateway, string c.Id))

    /// The gateways of other servers whose next audit may make a finding that this server tells.
    static member Awaited(calls: CallRecord) : IEnumerable<string> =
        CallsElsewhere.awaited calls.Table |> Seq.map string

    /// The gateways of other servers of which there is something, and the ids of the connections that there are.
    static member Elsewhere(calls: CallRecord) : IEnumerable<struct (string * IEnumerable<string>)> =
        calls.Table.Sources.Values
        |> Seq.filter _.IsElsewhere
        |> Seq.map (fun source -> struct (string source.Gateway, idsOf source))

    /// The ids of the connections that there are of another server's gateway; empty if this server keeps it, or if there is
    /// nothing of it.
    static member ElsewhereOf(calls: CallRecord, gateway: string) : IEnumerable<string> =
        match source calls (GatewayId.create gateway) with
        | ValueSome source when source.IsElsewhere -> idsOf source
        | ValueSome _
        | ValueNone -> Seq.empty

    /// Whether there is this connection of another server's gateway.
    static member Has(calls: CallRecord, gateway: string, connection: string) =
        match source calls (GatewayId.create gateway), ConnectionId.tryCreate connection with
        | ValueSome source, Some id -> source.IsElsewhere && (CallSource.withId id source).IsSome
        | _ -> false
