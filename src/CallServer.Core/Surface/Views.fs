namespace CallServer.Surface

open System
open System.Collections.Generic
open System.Text.Json.Serialization
open CallServer.Model
open CallServer.Ledger

/// An interval as JSON shows it: UTC with microseconds, null for an open end.
[<NoComparison>]
type IntervalView = { Earliest: string; Latest: string; Evidence: string }

[<NoComparison>]
type QosView = { Dscp: Nullable<int>; Service: string; Reported: string }

[<NoComparison>]
type AgeView = { Min: Nullable<float>; Max: Nullable<float> }

/// A medium of a connection besides the call's own.
[<NoComparison>]
type MediumView =
    { Kind: string
      Codec: string
      ClockRate: Nullable<int>
      LocalMedia: string
      RemoteMedia: string }

/// A connection as `audit --json` lists it. What is not known is null.
[<NoComparison>]
type ObservationView =
    {
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
        /// Media besides the call's own, such as a video; left out where there are none.
        [<JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)>]
        OtherMedia: IReadOnlyList<MediumView>
    }

/// A connection of a running server: the same, and how the record stands to it.
[<NoComparison>]
type ConnectionView =
    {
        Gateway: string
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
        /// Media besides the call's own, such as a video; left out where there are none.
        [<JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)>]
        OtherMedia: IReadOnlyList<MediumView>
        Status: string
        FirstHeard: string
        LastHeard: string
        ConfirmedCount: int
        Recovered: bool
        Conflicts: int
    }

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

    /// The same with other words for why it is not complete.
    member this.Because(reasons: IReadOnlyList<string>) : AuditView = { this with Reasons = reasons }

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

/// A step of the wall clock, at a moment of the record's timeline, which no step moves.
[<NoComparison>]
type ClockStep = { At: Instant; By: TimeSpan }

/// The same as it is shown: when, by the clock after all steps, and by how many milliseconds it was put forward.
[<NoComparison>]
type ClockStepView = { At: string; Ms: int64 }

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
        /// Where the wall clock was stepped since the connection began. Every stamp is by the clock after all steps; what is before
        /// a step was read as so much less on the clock of its own time. Null where it was not stepped.
        ClockSteps: IReadOnlyList<ClockStepView>
    }

/// What a snapshot did, for events and logs.
[<NoComparison>]
type ChangeView = { Kind: string; Gateway: string; Connection: string; Time: string; Detail: string }

/// Who writes: the server's name, its epoch, how far the wall clock has been stepped since the timeline was anchored
/// (added to every time that is shown), and the latest of those steps, oldest first.
[<NoComparison>]
type ServerStamp = { Server: string; Epoch: int; Correction: TimeSpan; Steps: IReadOnlyList<ClockStep> }

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

    /// Null where the gateway tells of none.
    let private otherMedia (facts: Facts) : IReadOnlyList<MediumView> =
        match facts.OtherMedia with
        | ValueNone
        | ValueSome [] -> null
        | ValueSome media ->
            [| for medium in media ->
                   { Kind = medium.Kind
                     Codec = medium.Codec |> ValueOption.map _.Name |> ValueOption.toObj
                     ClockRate = medium.Codec |> ValueOption.bind _.ClockRate |> ValueOption.toNullable
                     LocalMedia = obj medium.Local
                     RemoteMedia = obj medium.Remote } |]

    /// One look: the times as the record would begin with them.
    let observation (correction: TimeSpan) (traits: Traits) (o: Observation) : ObservationView =
        let struct (o, _) = Lawful.observation traits o

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
          RemoteMedia = obj o.Facts.RemoteMedia
          OtherMedia = otherMedia o.Facts }

    /// Times of one look that cannot be true, such as a start before the setup: one line, or null where there are none.
    let conflicts (correction: TimeSpan) (snapshot: Snapshot) : string =
        let told =
            snapshot.Observations
            |> Array.choose (fun o ->
                let struct (_, wrong) = Lawful.observation snapshot.Traits o
                wrong |> ValueOption.map (fun told -> struct (o, told)) |> ValueOption.toOption)

        match Array.tryHead told with
        | None -> null
        | Some(struct (o, wrong)) ->
            let setup =
                match o.Setup with
                | ValueSome setup -> $"was set up at {time correction setup.Within.Earliest} and "
                | ValueNone -> ""

            let others = if told.Length > 1 then $", and {told.Length - 1} more" else ""

            $"times that cannot be are left out of the bounds: {o.Id} {setup}was heard at {time correction o.Heard.Latest}, and tells {time correction wrong.Earliest}{others}"

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
          OtherMedia = otherMedia c.Facts
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
            | Partial shortfalls -> [], Completeness.words shortfalls

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
          Connections = snapshot.Observations |> Array.map (observation correction snapshot.Traits) }

    /// The steps of the wall clock since a connection began.
    let private stepsSince (stamp: ServerStamp) (c: Connection) : IReadOnlyList<ClockStepView> =
        let told =
            match c.Setup with
            | ValueSome setup -> setup.Within.Earliest
            | ValueNone -> c.Start.Within.Earliest

        // What has no beginning is known since it was first heard.
        let began =
            if told = Instant.distantPast then
                c.FirstHeard
            else
                Instant.min told c.FirstHeard

        match stamp.Steps |> Seq.filter (fun step -> step.At >= began) |> Seq.toArray with
        | [||] -> null
        | steps ->
            steps
            |> Array.map (fun step ->
                { At = time stamp.Correction step.At; Ms = int64 (Math.Round step.By.TotalMilliseconds) })
            :> _

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
          EndStamp = show (Cdr.endStamp cdr)
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
          RecordSeq = number
          ClockSteps = stepsSince stamp c }

    /// A record of a connection that goes on, in the shape of its CDR.
    let partial (stamp: ServerStamp) (gateway: GatewayId) traits (c: Connection) (number: int) : CdrView =
        let latest =
            if Times.isPending c.Start then
                c.LastHeard
            else
                Instant.max c.LastHeard c.Start.Within.Latest

        let asIfEnded: Ending =
            { Within = Interval.create c.LastHeard latest
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
