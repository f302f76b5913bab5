namespace CallServer.Surface

open System
open System.Collections.Generic
open System.Text.Json.Serialization
open CallServer.Model
open CallServer.Ledger

/// An interval as JSON shows it: UTC with microseconds, null for an open end.
[<NoComparison>]
type IntervalView =
    {
        /// Lower bound; null if there is none.
        Earliest: string
        /// Upper bound; null if there is none.
        Latest: string
        /// `reported`, `inferred` or `bounded`.
        Evidence: string
    }

/// A quality of service as JSON shows it. What is not known is null.
[<NoComparison>]
type QosView =
    {
        /// 0 to 63 (RFC 2474).
        Dscp: Nullable<int>
        /// `best-effort`, `controlled-load` or `guaranteed` (RFC 2213, RFC 3435 §3.2.2.10).
        Service: string
        /// The gateway's own words.
        Reported: string
    }

/// How long a connection has been active, as JSON shows it.
[<NoComparison>]
type AgeView =
    {
        /// Lower bound in seconds, at least 0; null if the gateway states no start.
        Min: Nullable<float>
        /// Upper bound in seconds; null if the start has no lower bound.
        Max: Nullable<float>
    }

/// A medium of a connection besides the call's own. What is not known is null.
[<NoComparison>]
type MediumView =
    {
        /// As in SDP's `m=`: audio, video, image.
        Kind: string
        /// The RTP encoding name.
        Codec: string
        /// RTP clock rate in Hz.
        ClockRate: Nullable<int>
        /// The gateway's own address, HOST:PORT.
        LocalMedia: string
        /// The other end's address, HOST:PORT.
        RemoteMedia: string
    }

/// A connection as `audit --json` lists it. What is not known is null.
[<NoComparison>]
type ObservationView =
    {
        /// What the gateway calls the connection.
        Id: string
        /// What the connections of one call have in common, such as a Call-ID.
        Call: string
        /// Where it is on the gateway: an interface, a port, an MGCP endpoint.
        Endpoint: string
        /// The originating device, or its number.
        Originator: string
        /// The remote party.
        Remote: string
        /// The RTP encoding name that IANA registers, or the gateway's own words.
        Codec: string
        /// RTP clock rate in Hz.
        ClockRate: Nullable<int>
        /// Its quality of service.
        Qos: QosView
        /// When its call began, ringing included; null if the gateway does not say.
        Setup: IntervalView
        /// When it became active; null if the gateway does not say, or says that it is ringing.
        Start: IntervalView
        /// How long it has been active.
        AgeSeconds: AgeView
        /// Which way media flows, in MGCP's words (RFC 3435 §2.1.7).
        Mode: string
        /// The gateway's own word for its state.
        State: string
        /// The gateway's own address of the call's own medium, HOST:PORT.
        LocalMedia: string
        /// The other end's address of the call's own medium, HOST:PORT.
        RemoteMedia: string
        /// Media besides the call's own, such as a video; left out if there are none.
        [<JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)>]
        OtherMedia: IReadOnlyList<MediumView>
    }

/// A connection of a running server: what an audit shows, and how sure the record is of it.
[<NoComparison>]
type ConnectionView =
    {
        /// The id of the gateway.
        Gateway: string
        /// What the gateway calls the connection.
        Id: string
        /// What the connections of one call have in common, such as a Call-ID.
        Call: string
        /// Where it is on the gateway: an interface, a port, an MGCP endpoint.
        Endpoint: string
        /// The originating device, or its number.
        Originator: string
        /// The remote party.
        Remote: string
        /// `incoming` or `outgoing`: which way the call goes, as the gateway sees it.
        Direction: string
        /// The RTP encoding name that IANA registers, or the gateway's own words.
        Codec: string
        /// RTP clock rate in Hz.
        ClockRate: Nullable<int>
        /// Its quality of service.
        Qos: QosView
        /// When its call began, ringing included; null if the gateway does not say.
        Setup: IntervalView
        /// When it became active; null if the gateway says that it is ringing.
        Start: IntervalView
        /// How long it has been active.
        AgeSeconds: AgeView
        /// Which way media flows, in MGCP's words (RFC 3435 §2.1.7).
        Mode: string
        /// The gateway's own word for its state.
        State: string
        /// The gateway's own address of the call's own medium, HOST:PORT.
        LocalMedia: string
        /// The other end's address of the call's own medium, HOST:PORT.
        RemoteMedia: string
        /// Media besides the call's own, such as a video; left out if there are none.
        [<JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)>]
        OtherMedia: IReadOnlyList<MediumView>
        /// `confirmed`: the newest audit listed it. `unconfirmed`: the newest audit did not list it, which is
        /// no proof yet, or was not complete; or no audit has run since a restart.
        Status: string
        /// When it was first heard.
        FirstHeard: string
        /// The latest moment at which it is known to have been alive.
        LastHeard: string
        /// How many snapshots listed it.
        ConfirmedCount: int
        /// A restart or takeover had lost it, and an audit brought it back.
        Recovered: bool
        /// How many reports contradicted the record (rule 5).
        Conflicts: int
    }

/// One audit as `audit --json` prints it.
[<NoComparison>]
type AuditView =
    {
        /// The id of the gateway; in `audit` its HOST:PORT.
        Gateway: string
        /// Where it was asked; never contains a secret.
        Uri: string
        /// `snmp`, `mgcp`, `sip` or `ng`.
        Protocol: string
        /// The SNMP profile, or the variant of the protocol; null if there is none.
        Profile: string
        /// Whether it is proven that the snapshot lists every active connection.
        Complete: bool
        /// What proves it; empty if it is not complete.
        Proof: IReadOnlyList<string>
        /// Why it is not complete; empty if it is.
        Reasons: IReadOnlyList<string>
        /// When the first request was sent.
        Asked: string
        /// When the last reply came, or waiting ended.
        Answered: string
        /// The gateway's boot token; null if it stated none.
        Boot: string
        /// Messages sent, repeats included.
        Requests: int
        /// What the gateway listed.
        Connections: IReadOnlyList<ObservationView>
    }

    /// The same audit with these words for why it is not complete.
    member this.Because(reasons: IReadOnlyList<string>) : AuditView = { this with Reasons = reasons }

/// What a gateway last counted of one connection's media. What it did not state is null.
[<NoComparison>]
type CountersView =
    {
        /// RTP packets that the gateway sent.
        PacketsSent: Nullable<int64>
        /// Octets that it sent.
        OctetsSent: Nullable<int64>
        /// RTP packets that the gateway received.
        PacketsReceived: Nullable<int64>
        /// Octets that the gateway received.
        OctetsReceived: Nullable<int64>
        /// RTP packets that did not arrive.
        PacketsLost: Nullable<int64>
        /// Mean interarrival jitter in milliseconds.
        JitterMs: Nullable<int64>
        /// Mean transit delay in milliseconds.
        LatencyMs: Nullable<int64>
    }

/// A step of the wall clock, at a moment of the record's timeline, which no step moves.
[<NoComparison>]
type ClockStep =
    {
        /// When it happened, on the record's timeline.
        At: Instant
        /// How far the wall clock was set forward; negative if it was set back.
        By: TimeSpan
    }

/// A step of the wall clock as JSON shows it.
[<NoComparison>]
type ClockStepView =
    {
        /// When it happened, by the clock after all steps.
        At: string
        /// How many milliseconds the wall clock was set forward; negative if it was set back.
        Ms: int64
    }

/// A call detail record; docs/cdr-fields.md has the names in snake case. Times are UTC with microseconds; what is not
/// known is null.
[<NoComparison>]
type CdrView =
    {
        /// Name-based (RFC 9562 §5.5), the same on every server that heard the connection (rule 9).
        Id: string
        /// The value of Id, under the name that billing knows.
        Uuid: string
        /// What the connections of one call have in common.
        Call: string
        /// The id of the gateway.
        Gateway: string
        /// The originating device, or its number.
        Originator: string
        /// The remote party.
        Remote: string
        /// The RTP encoding name, or the gateway's own words.
        ReadCodec: string
        /// Its quality of service.
        Qos: QosView
        /// The latest setup; null if it is not known.
        StartStamp: string
        /// The start from which Billsec counts: the latest one.
        AnswerStamp: string
        /// The earliest start; null if there is no lower bound.
        AnswerStampMin: string
        /// The latest start.
        AnswerStampMax: string
        /// The end to which Billsec counts: the earliest one, but not before that start.
        EndStamp: string
        /// The earliest end.
        EndStampMin: string
        /// The latest end.
        EndStampMax: string
        /// Whole seconds from setup to end, lower bound; from the answer if the setup is not known.
        Duration: int64
        /// Whole seconds from answer to end, lower bound: what is billed.
        Billsec: int64
        /// The value of Billsec.
        BillsecMin: int64
        /// Whole seconds from answer to end, upper bound; null if the start has no lower bound.
        BillsecMax: Nullable<int64>
        /// A name of ITU-T Q.850; null while the connection is active.
        HangupCause: string
        /// `reported`, `inferred` or `bounded`.
        StartEvidence: string
        /// `absent`, `gateway-history`, `gateway-restart`, `released` or `operator`; null while the
        /// connection is active.
        EndEvidence: string
        /// A restart or takeover had lost it, and an audit brought it back.
        Recovered: bool
        /// The latest moment at which it is known to have been alive.
        LastConfirmed: string
        /// How many snapshots listed it.
        ConfirmedCount: int
        /// The gateway reuses ids without a stamp, so this id may stand for more than one connection.
        IdReused: bool
        /// What the gateway calls the connection.
        Connection: string
        /// The epoch, which is the fencing number, of the server that wrote it.
        Epoch: int
        /// The name of the server that wrote it.
        Server: string
        /// The ids of the gateways that reported it.
        Sources: IReadOnlyList<string>
        /// What the gateway counted; null if it did not state it.
        Counters: CountersView
        /// Who had it released; null if nobody did.
        ReleasedBy: string
        /// Why it was released; null if nobody had it released.
        ReleaseReason: string
        /// True for an interim record: the connection has not ended. The end is then when it was last heard
        /// alive, and there is no cause.
        Partial: bool
        /// Counts the records of a connection: 0 for its start, then one for each interim record, the highest
        /// for its CDR.
        RecordSeq: int
        /// The steps of the wall clock since the connection began; null if there were none. Every stamp is by
        /// the clock after all steps: before a step, the clock of that time read earlier by that much.
        ClockSteps: IReadOnlyList<ClockStepView>
    }

/// A fact of a connection that changed, such as its codec, as the gateway told it before and tells it now.
[<NoComparison>]
type FactChange =
    {
        /// The fact's name in lists: `codec`, `mode`, `remoteMedia`, and so on.
        Fact: string
        /// What the record held; null if it was not known.
        Before: string
        /// What it holds now.
        After: string
    }

/// What a snapshot did, for events, stories and logs. Members after Detail are left out where they do not apply.
[<NoComparison>]
type ChangeView =
    {
        /// One word, such as `opened`, `closed` or `conflict`.
        Kind: string
        /// The id of the gateway.
        Gateway: string
        /// The id of the connection; null if the change concerns the whole gateway.
        Connection: string
        /// When it happened, in UTC with microseconds.
        Time: string
        /// Details, in words; null if there is nothing to add.
        Detail: string
        /// The id under which the connection was known before a restart of the gateway's agent.
        [<JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)>]
        Was: string
        /// When its call began, as far as the record knew after the change.
        [<JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)>]
        Setup: IntervalView
        /// When it became active, as far as the record knew after the change.
        [<JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)>]
        Start: IntervalView
        /// When it ended. Its evidence is a word of a CDR's `end_evidence`.
        [<JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)>]
        End: IntervalView
        /// A time that the gateway reported and that contradicts the record (rule 5).
        [<JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)>]
        Reported: IntervalView
        /// The facts that changed.
        [<JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)>]
        Facts: IReadOnlyList<FactChange>
        /// The id of its CDR.
        [<JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)>]
        Cdr: string
    }

    /// A change without bounds or facts. A null connection stands for the whole gateway.
    static member Plain
        (kind: string, gateway: string, connection: string, time: string, detail: string)
        : ChangeView =
        { Kind = kind
          Gateway = gateway
          Connection = connection
          Time = time
          Detail = detail
          Was = null
          Setup = Unchecked.defaultof<IntervalView>
          Start = Unchecked.defaultof<IntervalView>
          End = Unchecked.defaultof<IntervalView>
          Reported = Unchecked.defaultof<IntervalView>
          Facts = null
          Cdr = null }

/// Who writes a record, and how its clock relates to the record's timeline.
[<NoComparison>]
type ServerStamp =
    {
        /// Its name.
        Server: string
        /// Its epoch, which is the fencing number.
        Epoch: int
        /// How far the wall clock has been stepped since the timeline was anchored. It is added to every time
        /// that is shown.
        Correction: TimeSpan
        /// The latest of those steps, oldest first.
        Steps: IReadOnlyList<ClockStep>
    }

module internal Views =
    let private obj (value: 'T voption) : string =
        match value with
        | ValueSome value -> string value
        | ValueNone -> null

    /// An instant in UTC; null for an open end.
    let time (correction: TimeSpan) (instant: Instant) : string =
        if instant = Instant.distantPast || instant = Instant.distantFuture then
            null
        else
            string (instant + correction)

    /// A time with its bounds; null if the gateway says that it lies ahead: a ringing leg has no start.
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

    /// A quality of service as JSON shows it.
    let qos (qos: QualityOfService) : QosView =
        { Dscp = ValueOption.toNullable qos.Dscp
          Service = obj qos.Service
          Reported = obj qos.Reported }

    /// Seconds with the record's resolution of a microsecond.
    let private seconds (span: TimeSpan) = Math.Round(max 0.0 span.TotalSeconds, 6)

    /// The age of a connection with this start at some moment within an interval.
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

    /// Counters as JSON shows them; null if there are none.
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

    /// Null if the gateway reports none.
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

    /// A connection from a single audit, with its times as the record would begin with them.
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

    /// One line about times of one audit that cannot be true, such as a start before the setup; null if there
    /// are none.
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

    /// A connection of the record as of now.
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
          Direction = obj c.Facts.Direction
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

    /// A whole audit as `audit --json` prints it.
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

        // A connection without a known beginning counts from when it was first heard.
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

    /// The CDR of an ended connection. `number` is its place among the records of its connection.
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

    /// The interim record of an active connection, in the shape of its CDR.
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

    /// Bounds with words for why they are believed; null for an open end.
    let private bounds correction (within: Interval) (evidence: string) : IntervalView =
        { Earliest = time correction within.Earliest
          Latest = time correction within.Latest
          Evidence = evidence }

    let private mediaText (facts: Facts) : string =
        match facts.OtherMedia with
        | ValueNone -> null
        | ValueSome media ->
            media
            |> List.map (fun medium ->
                match medium.Codec with
                | ValueSome codec -> $"{medium.Kind} {codec.Name}"
                | ValueNone -> medium.Kind)
            |> String.concat ", "

    let private factsInOrder: (string * (Facts -> string)) list =
        [ "call", (fun f -> obj f.Call)
          "endpoint", (fun f -> obj f.Endpoint)
          "originator", (fun f -> obj f.Originator)
          "remote", (fun f -> obj f.Remote)
          "direction", (fun f -> obj f.Direction)
          "codec", (fun f -> f.Codec |> ValueOption.map _.Name |> ValueOption.toObj)
          "dscp", (fun f -> obj f.Qos.Dscp)
          "service", (fun f -> obj f.Qos.Service)
          "mode", (fun f -> obj f.Mode)
          "state", (fun f -> obj f.State)
          "localMedia", (fun f -> obj f.LocalMedia)
          "remoteMedia", (fun f -> obj f.RemoteMedia)
          "otherMedia", mediaText ]

    /// The facts that differ; null if none does.
    let private factChanges (before: Facts) (after: Facts) : IReadOnlyList<FactChange> =
        let changed =
            [| for name, read in factsInOrder do
                   let was, now = read before, read after

                   if not (String.Equals(was, now)) then
                       { Fact = name; Before = was; After = now } |]

        if changed.Length = 0 then null else changed

    /// A change as events, stories and logs show it.
    let change (stamp: ServerStamp) (gateway: GatewayId) (at: Instant) (change: Change) : ChangeView =
        let correction = stamp.Correction

        let about connection detail =
            ChangeView.Plain(change.Kind, string gateway, connection, time correction at, detail)

        let start (c: Connection) = "start " + string c.Start.Within + " " + string c.Start.Evidence

        let bounded (c: Connection) detail =
            { about (string c.Id) detail with
                Setup = intervalOrNull correction c.Setup
                Start = interval correction c.Start }

        match change with
        | Opened c -> bounded c (start c)
        | Updated(before, c) -> { bounded c (start c) with Facts = factChanges before.Facts c.Facts }
        // A takeover writes one for every connection, and bounds that only became narrower are no change.
        | Confirmed c
        | Unconfirmed c -> about (string c.Id) null
        | Closed(c, ending) ->
            let order =
                match ending.Order with
                | ValueSome order -> $" by {order.By}: {order.Reason}"
                | ValueNone -> ""

            { bounded c ("end " + string ending.Within + " " + string ending.Evidence + order) with
                End = bounds correction ending.Within (string ending.Evidence)
                Cdr = string (Cdr.id gateway c) }
        | Conflicted(c, conflict) ->
            { bounded c $"holds {c.Start.Within}, heard {conflict.Reported}" with
                Reported = bounds correction conflict.Reported (string Reported) }
        | Renamed(was, c) -> { bounded c $"was {was}" with Was = string was }
        | GatewayRestarted began -> about null $"began {began}"
