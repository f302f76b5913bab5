namespace CallServer.Surface

open System
open System.Collections.Generic
open CallServer.Model
open CallServer.Ledger

/// An interval as JSON shows it: UTC with microseconds, null for an open end.
[<NoComparison>]
type IntervalView = { Earliest: string; Latest: string; Evidence: string }

[<NoComparison>]
type QosView = { Dscp: Nullable<int>; Service: string; Reported: string }

[<NoComparison>]
type AgeView = { Min: Nullable<float>; Max: Nullable<float> }

/// A connection as `audit --json` lists it. What is not known is null.
[<NoComparison>]
type ObservationView =
    { Id: string
      Call: string
      Endpoint: string
      Originator: string
      Remote: string
      Codec: string
      ClockRate: Nullable<int>
      Qos: QosView
      Setup: IntervalView
      Start: IntervalView
      AgeSeconds: AgeView
      Mode: string
      State: string
      LocalMedia: string
      RemoteMedia: string }

/// A connection of a running server: the same, and how the record stands to it.
[<NoComparison>]
type ConnectionView =
    { Gateway: string
      Id: string
      Call: string
      Endpoint: string
      Originator: string
      Remote: string
      Codec: string
      ClockRate: Nullable<int>
      Qos: QosView
      Setup: IntervalView
      Start: IntervalView
      AgeSeconds: AgeView
      Mode: string
      State: string
      LocalMedia: string
      RemoteMedia: string
      Status: string
      FirstHeard: string
      LastHeard: string
      ConfirmedCount: int
      Recovered: bool
      Conflicts: int }

/// One audit as `audit --json` prints it.
[<NoComparison>]
type AuditView =
    { Gateway: string
      Uri: string
      Protocol: string
      Profile: string
      Complete: bool
      Proof: IReadOnlyList<string>
      Reasons: IReadOnlyList<string>
      Asked: string
      Answered: string
      Boot: string
      Requests: int
      Connections: IReadOnlyList<ObservationView> }

/// What a gateway counted of one connection's media, in its last word on it. What it did not tell is null.
[<NoComparison>]
type CountersView =
    {
        PacketsSent: Nullable<int64>
        OctetsSent: Nullable<int64>
        PacketsReceived: Nullable<int64>
        OctetsReceived: Nullable<int64>
        PacketsLost: Nullable<int64>
        /// Milliseconds.
        JitterMs: Nullable<int64>
        /// Milliseconds.
        LatencyMs: Nullable<int64>
    }

/// A call detail record; property names become the contract's in snake case.
[<NoComparison>]
type CdrView =
    {
        Id: string
        Uuid: string
        Call: string
        Gateway: string
        Originator: string
        Remote: string
        ReadCodec: string
        Qos: QosView
        StartStamp: string
        AnswerStamp: string
        AnswerStampMin: string
        AnswerStampMax: string
        EndStamp: string
        EndStampMin: string
        EndStampMax: string
        Duration: int64
        Billsec: int64
        BillsecMin: int64
        BillsecMax: Nullable<int64>
        HangupCause: string
        StartEvidence: string
        EndEvidence: string
        Recovered: bool
        LastConfirmed: string
        ConfirmedCount: int
        /// The gateway uses ids again without a stamp: this id may stand for more than one connection.
        IdReused: bool
        Connection: string
        Epoch: int
        Server: string
        Sources: IReadOnlyList<string>
        /// Null where the gateway did not tell.
        Counters: CountersView
        /// Who had it released, and why; null where nobody had.
        ReleasedBy: string
        ReleaseReason: string
        /// It has not ended: the end is the last moment at which it was heard alive, and there is no cause.
        Partial: bool
        /// From 1 on over the interim records of a connection and its CDR, which is the last; 0 tells that it began.
        RecordSeq: int
    }

/// What a snapshot did, for events and logs.
[<NoComparison>]
type ChangeView = { Kind: string; Gateway: string; Connection: string; Time: string; Detail: string }

/// Who writes: the server's name, its epoch, and how far the wall clock has been stepped since the timeline was anchored
/// (added to every time that is shown).
type ServerStamp = { Server: string; Epoch: int; Correction: TimeSpan }

module internal Views =
    let private obj (value: 'T voption) : string =
        match value with
        | ValueSome value -> string value
        | ValueNone -> null

    /// An instant in UTC; null where it is open.
    let time (correction: TimeSpan) (instant: Instant) : string =
        if instant = Instant.distantPast || instant = Instant.distantFuture then
            null
        else
            string (instant + correction)

    /// Null where the gateway says that it has not happened: a leg that rings has no start.
    let interval correction (timing: Timing) : IntervalView =
        if timing.Within.Latest = Instant.distantFuture && timing.Evidence = Reported then
            Unchecked.defaultof<IntervalView>
        else
            { Earliest = time correction timing.Within.Earliest
              Latest = time correction timing.Within.Latest
              Evidence = string timing.Evidence }

    let private intervalOrNull correction (timing: Timing voption) : IntervalView =
        match timing with
        | ValueSome timing -> interval correction timing
        | ValueNone -> Unchecked.defaultof<IntervalView>

    let qos (qos: QualityOfService) : QosView =
        { Dscp = ValueOption.toNullable qos.Dscp
          Service = obj qos.Service
          Reported = obj qos.Reported }

    /// Seconds with the record's resolution of a microsecond.
    let private seconds (span: TimeSpan) = Math.Round(max 0.0 span.TotalSeconds, 6)

    /// The age at some moment within an interval.
    let private age (at: Interval) (start: Timing voption) : AgeView =
        match start with
        | ValueNone -> { Min = Nullable(); Max = Nullable() }
        | ValueSome { Within = within } ->
            { Min =
                (if within.Latest = Instant.distantFuture then
                     Nullable 0.0
                 else
                     Nullable(seconds (at.Earliest - within.Latest)))
              Max =
                (if within.Earliest = Instant.distantPast then
                     Nullable()
                 else
                     Nullable(seconds (at.Latest - within.Earliest))) }

    let counters (counters: Counters voption) : CountersView =
        match counters with
        | ValueNone -> Unchecked.defaultof<CountersView>
        | ValueSome told ->
            { PacketsSent = ValueOption.toNullable told.PacketsSent
              OctetsSent = ValueOption.toNullable told.OctetsSent
              PacketsReceived = ValueOption.toNullable told.PacketsReceived
              OctetsReceived = ValueOption.toNullable told.OctetsReceived
              PacketsLost = ValueOption.toNullable told.PacketsLost
              JitterMs = ValueOption.toNullable told.JitterMs
              LatencyMs = ValueOption.toNullable told.LatencyMs }

    let observation (correction: TimeSpan) (o: Observation) : ObservationView =
        { Id = string o.Id
          Call = obj o.Facts.Call
          Endpoint = obj o.Facts.Endpoint
          Originator = obj o.Facts.Originator
          Remote = obj o.Facts.Remote
          Codec = o.Facts.Codec |> ValueOption.map (fun codec -> codec.Name) |> ValueOption.toObj
          ClockRate =
            o.Facts.Codec |> ValueOption.bind (fun codec -> codec.ClockRate) |> ValueOption.toNullable
          Qos = qos o.Facts.Qos
          Setup = intervalOrNull correction o.Setup
          Start = intervalOrNull correction o.Start
          AgeSeconds = age o.Heard o.Start
          Mode = obj o.Facts.Mode
          State = obj o.Facts.State
          LocalMedia = obj o.Facts.LocalMedia
          RemoteMedia = obj o.Facts.RemoteMedia }

    let connection
        (correction: TimeSpan)
        (now: Instant)
        (gateway: GatewayId)
        (c: Connection)
        : ConnectionView =
        { Gateway = string gateway
          Id = string c.Id
          Call = obj c.Facts.Call
          Endpoint = obj c.Facts.Endpoint
          Originator = obj c.Facts.Originator
          Remote = obj c.Facts.Remote
          Codec = c.Facts.Codec |> ValueOption.map (fun codec -> codec.Name) |> ValueOption.toObj
          ClockRate =
            c.Facts.Codec |> ValueOption.bind (fun codec -> codec.ClockRate) |> ValueOption.toNullable
          Qos = qos c.Facts.Qos
          Setup = intervalOrNull correction c.Setup
          Start = interval correction c.Start
          AgeSeconds = age (Interval.point now) (ValueSome c.Start)
          Mode = obj c.Facts.Mode
          State = obj c.Facts.State
          LocalMedia = obj c.Facts.LocalMedia
          RemoteMedia = obj c.Facts.RemoteMedia
          Status = string c.Status
          FirstHeard = time correction c.FirstHeard
          LastHeard = time correction c.LastHeard
          ConfirmedCount = c.ConfirmedCount
          Recovered = c.Recovered
          Conflicts = c.Conflicts }

    let audit (correction: TimeSpan) (uri: string) (snapshot: Snapshot) : AuditView =
        let proof, reasons =
            match snapshot.Completeness with
            | Complete proofs -> proofs |> List.map string, []
            | Partial shortfalls -> [], shortfalls |> List.map string

        { Gateway = string snapshot.Gateway
          Uri = uri
          Protocol = snapshot.Protocol
          Profile = (if snapshot.Profile = "" then null else snapshot.Profile)
          Complete = Snapshot.isComplete snapshot
          Proof = Array.ofList proof
          Reasons = Array.ofList reasons
          Asked = time correction snapshot.Asked
          Answered = time correction snapshot.Answered
          Boot = obj snapshot.Boot.Token
          Requests = snapshot.Requests
          Connections = snapshot.Observations |> Array.map (observation correction) }

    /// The number is that of the record among those of its connection.
    let cdr (stamp: ServerStamp) (number: int) (cdr: Cdr) : CdrView =
        let show = time stamp.Correction
        let c = cdr.Connection
        let started = c.Start.Within
        let ended = cdr.Ending.Within
        let id = string cdr.Id

        { Id = id
          Uuid = id
          Call = obj c.Facts.Call
          Gateway = string cdr.Gateway
          Originator = obj c.Facts.Originator
          Remote = obj c.Facts.Remote
          ReadCodec = c.Facts.Codec |> ValueOption.map (fun codec -> codec.Name) |> ValueOption.toObj
          Qos = qos c.Facts.Qos
          StartStamp =
            match c.Setup with
            | ValueSome setup -> show setup.Within.Latest
            | ValueNone -> null
          AnswerStamp = show started.Latest
          AnswerStampMin = show started.Earliest
          AnswerStampMax = show started.Latest
          EndStamp = show ended.Earliest
          EndStampMin = show ended.Earliest
          EndStampMax = show ended.Latest
          Duration = Cdr.duration cdr
          Billsec = Cdr.billedSeconds cdr
          BillsecMin = Cdr.billedSeconds cdr
          BillsecMax = Cdr.billedSecondsMax cdr |> ValueOption.toNullable
          HangupCause = Cdr.hangupCause cdr
          StartEvidence = string c.Start.Evidence
          EndEvidence = string cdr.Ending.Evidence
          Recovered = c.Recovered
          LastConfirmed = show c.LastHeard
          ConfirmedCount = c.ConfirmedCount
          IdReused = cdr.IdReused
          Connection = string c.Id
          Epoch = stamp.Epoch
          Server = stamp.Server
          Sources = [| string cdr.Gateway |]
          Counters = counters cdr.Ending.Counters
          ReleasedBy = cdr.Ending.Order |> ValueOption.map _.By |> ValueOption.toObj
          ReleaseReason = cdr.Ending.Order |> ValueOption.map _.Reason |> ValueOption.toObj
          Partial = false
          RecordSeq = number }

    /// A record of a connection that goes on, in the shape of its CDR.
    let partial (stamp: ServerStamp) (gateway: GatewayId) traits (c: Connection) (number: int) : CdrView =
        let asIfEnded: Ending =
            { Within = Interval.point c.LastHeard
              Evidence = Absent
              Cause = ValueNone
              Counters = ValueNone
              Order = ValueNone }

        { cdr stamp number (Cdr.create gateway traits c asIfEnded) with
            HangupCause = null
            EndEvidence = null
            Partial = true }

    let change (stamp: ServerStamp) (gateway: GatewayId) (at: Instant) (change: Change) : ChangeView =
        let connection, detail =
            match change with
            | Opened c -> string c.Id, $"start {c.Start.Within} {c.Start.Evidence}"
            | Updated(_, c) -> string c.Id, $"start {c.Start.Within} {c.Start.Evidence}"
            | Confirmed c
            | Unconfirmed c -> string c.Id, null
            | Closed(c, ending) ->
                let order =
                    match ending.Order with
                    | ValueSome order -> $" by {order.By}: {order.Reason}"
                    | ValueNone -> ""

                string c.Id, $"end {ending.Within} {ending.Evidence}{order}"
            | Conflicted(c, conflict) -> string c.Id, $"holds {c.Start.Within}, heard {conflict.Reported}"
            | Renamed(was, c) -> string c.Id, $"was {was}"
            | GatewayRestarted began -> null, $"began {began}"

        { Kind = change.Kind
          Gateway = string gateway
          Connection = connection
          Time = time stamp.Correction at
          Detail = detail }
