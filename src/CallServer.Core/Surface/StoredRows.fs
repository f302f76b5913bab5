namespace CallServer.Surface

open System
open System.Collections.Generic
open CallServer.Model
open CallServer.Ledger

/// One connection, flat, as a store keeps it. Times are microseconds on the record's timeline; null means
/// unknown or an open end. While later audits merely confirm the connection, its row stays as it is, and the
/// gateway's row tells what they heard: StoredConnections.Present puts the two together.
[<CLIMutable; NoComparison>]
type ConnectionRow =
    {
        /// The id of the gateway; together with Id it is the key.
        Gateway: string
        /// What the gateway calls the connection.
        Id: string
        /// The setup stamp in the gateway's own raw form; null if it has none.
        Stamp: string
        /// The boot token under which it was last heard.
        BootToken: string
        /// The gateway's run in which it was last heard, counted from 1.
        Run: int
        /// Bounds of the setup.
        SetupEarliest: Nullable<int64>
        SetupLatest: Nullable<int64>
        /// `reported`, `inferred` or `bounded`; null if the setup is not known.
        SetupEvidence: string
        /// Bounds of the start.
        StartEarliest: Nullable<int64>
        StartLatest: Nullable<int64>
        /// `reported`, `inferred` or `bounded`.
        StartEvidence: string
        /// What the connections of one call have in common.
        Call: string
        /// Where it is on the gateway.
        Endpoint: string
        /// The originating device.
        Originator: string
        /// The remote party.
        Remote: string
        /// `incoming` or `outgoing`: which way the call goes, as the gateway sees it.
        Direction: string
        /// The RTP encoding name, or the gateway's own words.
        Codec: string
        /// RTP clock rate in Hz.
        ClockRate: Nullable<int>
        /// 0 to 63 (RFC 2474).
        Dscp: Nullable<int>
        /// `best-effort`, `controlled-load` or `guaranteed`.
        Service: string
        /// The gateway's own words for its quality of service.
        QosReported: string
        /// Which way media flows, in MGCP's words (RFC 3435 §2.1.7).
        Mode: string
        /// The gateway's own word for its state.
        State: string
        /// The gateway's own media address, HOST:PORT.
        LocalMedia: string
        /// The other end's media address, HOST:PORT.
        RemoteMedia: string
        /// `KIND CODEC LOCAL REMOTE` for each further medium, with `-` for what is not known and `;` between
        /// two. Empty if there are none, null if the gateway does not say.
        OtherMedia: string
        /// When it was first heard.
        FirstHeard: int64
        /// The latest moment at which it is known to have been alive.
        LastHeard: int64
        /// How many snapshots listed it.
        ConfirmedCount: int
        /// `confirmed`, `unconfirmed` or `restored`.
        Status: string
        /// A restart or takeover had lost it, and an audit brought it back.
        Recovered: bool
        /// Complete snapshots in a row that did not list it.
        Absences: int
        /// How many reports contradicted the record (rule 5).
        Conflicts: int
        /// When the last of them came, and the bounds that it stated.
        ConflictAt: Nullable<int64>
        ConflictEarliest: Nullable<int64>
        ConflictLatest: Nullable<int64>
        /// The gateway's Step when this row was written.
        Step: int64
    }

/// One gateway's part of the ledger without its connections, flat, as a store keeps it. Times are
/// microseconds on the record's timeline; null means unknown or an open end.
[<CLIMutable; NoComparison>]
type GatewayRow =
    {
        /// The id of the gateway: the key.
        Gateway: string
        /// How many complete snapshots in a row without a connection prove its end.
        AbsencesToClose: int
        /// Whether a restart of the agent renames connections that live on.
        IdsTiedToBoot: bool
        /// Whether the gateway reuses ids.
        ReusesIds: bool
        /// How old the copy may be from which the gateway answers.
        StalenessMicros: int64
        /// How far the gateway's clock may drift from ours, in parts per million.
        DriftPpm: float
        /// The gateway's last boot token.
        BootToken: string
        /// `gateway` or `agent`: what restarted; null if no boot was read.
        BootScope: string
        /// Bounds of that start.
        BootEarliest: Nullable<int64>
        BootLatest: Nullable<int64>
        /// After how long the gateway's up-time counter wraps.
        BootPeriodMicros: Nullable<int64>
        /// When the boot was read.
        BootReadAt: Nullable<int64>
        /// The gateway's runs that the record saw, counted from 1.
        Run: int
        /// Bounds of when the present run began; null for the first run.
        RunEarliest: Nullable<int64>
        RunLatest: Nullable<int64>
        /// When the newest snapshot taken in was asked for.
        LastAsked: Nullable<int64>
        /// When its last reply came.
        LastAnswered: Nullable<int64>
        /// When the last complete audits of this run were asked: microseconds, comma separated, newest first.
        Completes: string
        /// From when on the record wants the gateway's own history, and up to when it has taken it. Null if
        /// it takes none.
        HistorySince: Nullable<int64>
        HistoryReadTo: Nullable<int64>
        /// Where the next reading of the history may begin.
        HistoryCursor: string
        /// Connections that ended lately and have their CDR: pairs of an id and the microsecond of the end,
        /// separated by spaces. Null if there are none.
        HistoryRecent: string
        /// What the gateway's running total says of calls that nobody saw: numbers, separated by spaces. Null if it
        /// never told one.
        Balance: string
        /// Connections that began since the record began.
        OpenedTotal: int64
        /// Connections that ended since the record began.
        ClosedTotal: int64
        /// Reports that contradicted the record (rule 5).
        ConflictsTotal: int64
        /// The number of the last step that took a snapshot in. Each such step since a connection's row was
        /// written has confirmed that connection, if the row says `confirmed`.
        Step: int64
        /// Rows of connections with a lower Step could not be read when others were written anew: nothing has
        /// confirmed them since.
        StepsSince: int64
        /// When each confirmed connection was last heard, in the ordinal order of ids: microseconds, the first
        /// one and then the differences, each a zigzag varint. Null if there are none.
        Heard: byte[]
    }

/// Turns the ledger's values into rows of a store and back. A row that cannot be read is a fault of the
/// store: reading it throws InvalidDataException, and the host leaves the file as it is and reports it.
module internal StoredRows =
    let private bad what (value: string) : 'T =
        raise (IO.InvalidDataException $"the store holds {what} that this version does not know: {value}")

    let private text (value: string voption) : string = ValueOption.toObj value
    let private ofText (value: string) : string voption = ValueOption.ofObj value

    let private micros (instant: Instant) =
        if instant = Instant.distantPast || instant = Instant.distantFuture then
            Nullable()
        else
            Nullable instant.Micros

    let private earliest (value: Nullable<int64>) =
        if value.HasValue then Instant.ofMicros value.Value else Instant.distantPast

    let private latest (value: Nullable<int64>) =
        if value.HasValue then Instant.ofMicros value.Value else Instant.distantFuture

    let private interval low high = Interval.create (earliest low) (latest high)

    let private evidence text =
        match Evidence.tryParse text with
        | Some evidence -> evidence
        | None -> bad "evidence" text

    let private media (text: string) =
        match text with
        | null -> ValueNone
        | text ->
            match MediaAddress.tryParse text with
            | Some address -> ValueSome address
            | None -> bad "a media address" text

    /// No word may hold blanks or semicolons, because they separate words.
    let private word (text: string) : string =
        match Uri.EscapeDataString text with
        | "-" -> "%2D"
        | escaped -> escaped

    let private mediumText (medium: Medium) : string =
        let codec =
            match medium.Codec with
            | ValueSome { Name = name; ClockRate = ValueSome rate } -> $"{word name}/{rate}"
            | ValueSome { Name = name } -> word name
            | ValueNone -> "-"

        let address (address: MediaAddress voption) =
            address |> ValueOption.map string |> ValueOption.defaultValue "-"

        $"{word medium.Kind} {codec} {address medium.Local} {address medium.Remote}"

    let private medium (text: string) : Medium =
        let codec (text: string) : Codec =
            match text.Split '/' with
            | [| name; rate |] ->
                { Name = Uri.UnescapeDataString name
                  ClockRate = ValueSome(Int32.Parse(rate, Globalization.CultureInfo.InvariantCulture)) }
            | _ -> { Name = Uri.UnescapeDataString text; ClockRate = ValueNone }

        match text.Split ' ' with
        | [| kind; spoken; local; remote |] ->
            { Kind = Uri.UnescapeDataString kind
              Codec = (if spoken = "-" then ValueNone else ValueSome(codec spoken))
              Local = (if local = "-" then ValueNone else media local)
              Remote = (if remote = "-" then ValueNone else media remote) }
        | _ -> bad "a medium" text

    let private otherMedia (text: string) : Medium list voption =
        match text with
        | null -> ValueNone
        | "" -> ValueSome []
        | several -> ValueSome [ for one in several.Split ';' -> medium one ]

    let private statusName (status: Status) =
        match status with
        | Status.Confirmed -> "confirmed"
        | Status.Unconfirmed -> "unconfirmed"
        | Status.Restored -> "restored"

    let private status (name: string) =
        match name with
        | "confirmed" -> Status.Confirmed
        | "unconfirmed" -> Status.Unconfirmed
        | "restored" -> Status.Restored
        | other -> bad "a status" other

    /// A connection of this gateway as a row that the step with this number writes.
    let ofConnection (gateway: GatewayId) (step: int64) (c: Connection) : ConnectionRow =
        let low (timing: Timing voption) =
            match timing with
            | ValueSome timing -> micros timing.Within.Earliest
            | ValueNone -> Nullable()

        let high (timing: Timing voption) =
            match timing with
            | ValueSome timing -> micros timing.Within.Latest
            | ValueNone -> Nullable()

        let conflict pick =
            match c.LastConflict with
            | ValueSome conflict -> pick conflict
            | ValueNone -> Nullable()

        { Gateway = string gateway
          Id = string c.Id
          Stamp = text c.Stamp
          BootToken = c.BootToken |> ValueOption.map string |> text
          Run = c.Run
          SetupEarliest = low c.Setup
          SetupLatest = high c.Setup
          SetupEvidence = c.Setup |> ValueOption.map (fun timing -> string timing.Evidence) |> text
          StartEarliest = micros c.Start.Within.Earliest
          StartLatest = micros c.Start.Within.Latest
          StartEvidence = string c.Start.Evidence
          Call = c.Facts.Call |> ValueOption.map string |> text
          Endpoint = text c.Facts.Endpoint
          Originator = text c.Facts.Originator
          Remote = text c.Facts.Remote
          Direction = c.Facts.Direction |> ValueOption.map string |> text
          Codec = c.Facts.Codec |> ValueOption.map (fun codec -> codec.Name) |> text
          ClockRate =
            c.Facts.Codec |> ValueOption.bind (fun codec -> codec.ClockRate) |> ValueOption.toNullable
          Dscp = ValueOption.toNullable c.Facts.Qos.Dscp
          Service = c.Facts.Qos.Service |> ValueOption.map string |> text
          QosReported = text c.Facts.Qos.Reported
          Mode = text c.Facts.Mode
          State = text c.Facts.State
          LocalMedia = c.Facts.LocalMedia |> ValueOption.map string |> text
          RemoteMedia = c.Facts.RemoteMedia |> ValueOption.map string |> text
          OtherMedia =
            c.Facts.OtherMedia |> ValueOption.map (List.map mediumText >> String.concat ";") |> text
          FirstHeard = c.FirstHeard.Micros
          LastHeard = c.LastHeard.Micros
          ConfirmedCount = c.ConfirmedCount
          Status = statusName c.Status
          Recovered = c.Recovered
          Absences = c.Absences
          Conflicts = c.Conflicts
          ConflictAt = conflict (fun conflict -> micros conflict.At)
          ConflictEarliest = conflict (fun conflict -> micros conflict.Reported.Earliest)
          ConflictLatest = conflict (fun conflict -> micros conflict.Reported.Latest)
          Step = step }

    /// A row as a connection. Throws InvalidDataException if the row holds what this version does not know.
    let toConnection (row: ConnectionRow) : Connection =
        let setup =
            match row.SetupEvidence with
            | null -> ValueNone
            | words ->
                ValueSome { Within = interval row.SetupEarliest row.SetupLatest; Evidence = evidence words }

        let service =
            match row.Service with
            | null -> ValueNone
            | words ->
                match ServiceClass.tryParse words with
                | Some service -> ValueSome service
                | None -> bad "a service class" words

        let direction =
            match row.Direction with
            | null -> ValueNone
            | words ->
                match CallDirection.tryParse words with
                | Some direction -> ValueSome direction
                | None -> bad "a direction" words

        let facts: Facts =
            { Call = ofText row.Call |> ValueOption.map CallId.create
              Endpoint = ofText row.Endpoint
              Originator = ofText row.Originator
              Remote = ofText row.Remote
              Direction = direction
              Codec =
                ofText row.Codec
                |> ValueOption.map (fun name ->
                    { Name = name; ClockRate = ValueOption.ofNullable row.ClockRate })
              Qos =
                { Dscp = ValueOption.ofNullable row.Dscp
                  Service = service
                  Reported = ofText row.QosReported }
              Mode = ofText row.Mode
              State = ofText row.State
              LocalMedia = media row.LocalMedia
              RemoteMedia = media row.RemoteMedia
              OtherMedia = otherMedia row.OtherMedia }

        let conflict: Conflict voption =
            if row.ConflictAt.HasValue then
                ValueSome
                    { At = Instant.ofMicros row.ConflictAt.Value
                      Reported = interval row.ConflictEarliest row.ConflictLatest }
            else
                ValueNone

        { Id = ConnectionId.create row.Id
          Stamp = ofText row.Stamp
          BootToken = ofText row.BootToken |> ValueOption.map BootToken.create
          Run = row.Run
          Setup = setup
          Start =
            { Within = interval row.StartEarliest row.StartLatest
              Evidence = evidence row.StartEvidence }
          Facts = facts
          FirstHeard = Instant.ofMicros row.FirstHeard
          LastHeard = Instant.ofMicros row.LastHeard
          ConfirmedCount = row.ConfirmedCount
          Status = status row.Status
          Recovered = row.Recovered
          Absences = row.Absences
          Conflicts = row.Conflicts
          LastConflict = conflict }

    let private ofRecent (recent: Map<Guid, Instant>) : string =
        recent |> Seq.map (fun (KeyValue(key, at)) -> $"{key:N}:{at.Micros}") |> String.concat " "

    let private toRecent (text: string) : Map<Guid, Instant> =
        if isNull text then
            Map.empty
        else
            text.Split(' ', StringSplitOptions.RemoveEmptyEntries)
            |> Array.map (fun entry ->
                match entry.Split ':' with
                | [| key; micros |] -> Guid.Parse key, Instant.ofMicros (Int64.Parse micros)
                | _ -> bad "an ended connection" entry)
            |> Map.ofArray

    let private ofBalance (balance: Balance) : string =
        let tally =
            match balance.Tally with
            | ValueSome tally ->
                [ (if tally.Of = TotalOf.Calls then 1L else 0L)
                  tally.Since.Micros
                  tally.Told.Micros
                  tally.Total
                  tally.At.Micros
                  tally.FirstEdge
                  tally.Begun
                  tally.Seen
                  tally.Unseen.Least
                  tally.Unseen.Most ]
            | ValueNone -> []

        if balance = Balance.none then
            null
        else
            balance.Earlier.Least :: balance.Earlier.Most :: balance.Surplus :: tally
            |> List.map string
            |> String.concat " "

    let private toBalance (text: string) : Balance =
        let balance least most surplus tally : Balance =
            { Earlier = { Least = least; Most = most }; Surplus = surplus; Tally = tally }

        let numbers =
            if isNull text then
                []
            else
                [ for number in text.Split(' ', StringSplitOptions.RemoveEmptyEntries) do
                      match Int64.TryParse number with
                      | true, value -> value
                      | _ -> bad "a balance of calls" text ]

        match numbers with
        | [] -> Balance.none
        | [ least; most; surplus ] -> balance least most surplus ValueNone
        | [ least; most; surplus; counted; since; told; total; at; edge; begun; seen; unseenLeast; unseenMost ] ->
            { Of = (if counted = 1L then TotalOf.Calls else TotalOf.Connections)
              Since = Instant.ofMicros since
              Told = Instant.ofMicros told
              Total = total
              At = Instant.ofMicros at
              FirstEdge = edge
              Begun = begun
              Seen = seen
              Unseen = { Least = unseenLeast; Most = unseenMost } }
            |> ValueSome
            |> balance least most surplus
        | _ -> bad "a balance of calls" text

    /// A gateway's ledger as its row, without its connections.
    let ofGateway (ledger: GatewayLedger) (kept: Kept) : GatewayRow =
        let boot pick =
            match ledger.Boot with
            | ValueSome boot -> pick boot
            | ValueNone -> Nullable()

        let began pick =
            boot (fun boot ->
                match boot.Began with
                | ValueSome began -> micros (pick began)
                | ValueNone -> Nullable())

        let run pick =
            match ledger.RunBegan with
            | ValueSome began -> micros (pick began)
            | ValueNone -> Nullable()

        { Gateway = string ledger.Gateway
          AbsencesToClose = ledger.Traits.AbsencesToClose
          IdsTiedToBoot = ledger.Traits.IdsTiedToBoot
          ReusesIds = ledger.Traits.ReusesIds
          StalenessMicros = int64 ledger.Traits.Staleness.TotalMicroseconds
          DriftPpm = ledger.Traits.DriftPpm
          BootToken =
            ledger.Boot |> ValueOption.bind (fun boot -> boot.Token) |> ValueOption.map string |> text
          BootScope =
            match ledger.Boot with
            | ValueSome { Scope = OfGateway } -> "gateway"
            | ValueSome { Scope = OfAgent } -> "agent"
            | ValueNone -> null
          BootEarliest = began (fun interval -> interval.Earliest)
          BootLatest = began (fun interval -> interval.Latest)
          BootPeriodMicros =
            boot (fun boot ->
                match boot.Period with
                | ValueSome period -> Nullable(int64 period.TotalMicroseconds)
                | ValueNone -> Nullable())
          BootReadAt = boot (fun boot -> micros boot.ReadAt)
          Run = ledger.Run
          RunEarliest = run (fun interval -> interval.Earliest)
          RunLatest = run (fun interval -> interval.Latest)
          LastAsked = micros ledger.LastAsked
          LastAnswered = micros ledger.LastAnswered
          Completes = ledger.Completes |> List.map (fun at -> string at.Micros) |> String.concat ","
          HistorySince =
            (match ledger.History with
             | ValueSome mark -> micros mark.Since
             | ValueNone -> Nullable())
          HistoryReadTo =
            (match ledger.History with
             | ValueSome mark -> micros mark.ReadTo
             | ValueNone -> Nullable())
          HistoryCursor = ledger.History |> ValueOption.bind _.Cursor |> text
          HistoryRecent =
            (match ledger.History with
             | ValueSome mark when not mark.Recent.IsEmpty -> ofRecent mark.Recent
             | ValueSome _
             | ValueNone -> null)
          Balance = ofBalance ledger.Balance
          OpenedTotal = ledger.OpenedTotal
          ClosedTotal = ledger.ClosedTotal
          ConflictsTotal = ledger.ConflictsTotal
          Step = kept.Number
          StepsSince = kept.Since
          Heard = (if kept.Heard.Length = 0 then null else kept.Heard) }

    /// What a gateway's row says about the rows of its connections, as it is after a restart. Throws
    /// InvalidDataException if it cannot be read.
    let private heardTimes (row: GatewayRow) : Instant[] =
        match row.Heard with
        | null -> [||]
        | octets ->
            match HeardTimes.tryDecode octets with
            | ValueSome instants -> instants
            | ValueNone -> bad "moments of connections" (Convert.ToHexString octets)

    /// The rows of a gateway's connections as they would be if every step had written them all, sorted by id.
    /// Throws InvalidDataException if the gateway's row cannot be read.
    let present (gateway: GatewayRow) (rows: ConnectionRow seq) : ConnectionRow[] =
        let rows = Array.ofSeq rows
        Array.sortInPlaceWith (fun a b -> String.CompareOrdinal(a.Id, b.Id)) rows
        let times = heardTimes gateway
        let confirmed = statusName Status.Confirmed
        let isTold (row: ConnectionRow) = row.Status = confirmed && row.Step >= gateway.StepsSince
        let told = rows |> Array.sumBy (fun row -> if isTold row then 1 else 0)
        // If somebody else changed the rows, nobody knows which moment belongs to which of them: all were heard
        // at the earliest of these.
        let isPaired = told = times.Length

        let earliest = if isPaired || times.Length = 0 then Instant.distantPast else Array.min times

        let mutable next = 0

        for index in 0 .. rows.Length - 1 do
            let row = rows[index]

            if isTold row then
                let heard = if isPaired then times[next] else earliest
                next <- next + 1
                let more = gateway.Step - row.Step

                if more > 0L then
                    rows[index] <-
                        { row with
                            LastHeard = max row.LastHeard heard.Micros
                            ConfirmedCount = row.ConfirmedCount + int more
                            Step = gateway.Step }

        rows

    /// Some of the rows of a gateway's connections, as far as they and the gateway's row alone tell: one that a later
    /// step confirmed was heard when that was asked, or later.
    let presentSome (gateway: GatewayRow) (rows: ConnectionRow seq) : ConnectionRow[] =
        let confirmed = statusName Status.Confirmed

        let isConfirmedLater (row: ConnectionRow) =
            row.Status = confirmed && row.Step >= gateway.StepsSince && row.Step < gateway.Step

        [| for row in rows do
               if isConfirmedLater row && gateway.LastAsked.HasValue then
                   { row with
                       LastHeard = max row.LastHeard gateway.LastAsked.Value
                       ConfirmedCount = row.ConfirmedCount + int (gateway.Step - row.Step)
                       Step = gateway.Step }
               else
                   row |]
        |> Array.sortWith (fun a b -> String.CompareOrdinal(a.Id, b.Id))

    /// What a store holds beside the ledger that was read from this row, if `present` can read it.
    let toKept (row: GatewayRow) : Kept =
        { Number = row.Step
          Since = row.StepsSince
          Heard = (if isNull row.Heard then [||] else row.Heard)
          IsStale = true }

    /// A row as a gateway's ledger without its connections. Throws InvalidDataException if the row holds what
    /// this version does not know.
    let toGateway (row: GatewayRow) : GatewayLedger =
        let between (low: Nullable<int64>) (high: Nullable<int64>) =
            if low.HasValue || high.HasValue then
                ValueSome(interval low high)
            else
                ValueNone

        let boot: Boot voption =
            match row.BootScope with
            | null -> ValueNone
            | "gateway"
            | "agent" as scope ->
                ValueSome
                    { Token = ofText row.BootToken |> ValueOption.map BootToken.create
                      Scope = (if scope = "gateway" then OfGateway else OfAgent)
                      Began = between row.BootEarliest row.BootLatest
                      Period =
                        ValueOption.ofNullable row.BootPeriodMicros
                        |> ValueOption.map TimeSpan.FromMicroseconds
                      ReadAt = earliest row.BootReadAt }
            | other -> bad "a boot scope" other

        { GatewayLedger.empty (GatewayId.create row.Gateway) with
            Traits =
                { Source = ValueNone
                  AbsencesToClose = row.AbsencesToClose
                  IdsTiedToBoot = row.IdsTiedToBoot
                  ReusesIds = row.ReusesIds
                  Staleness = TimeSpan.FromMicroseconds row.StalenessMicros
                  DriftPpm = row.DriftPpm }
            Boot = boot
            Run = row.Run
            RunBegan = between row.RunEarliest row.RunLatest
            LastAsked = earliest row.LastAsked
            LastAnswered = earliest row.LastAnswered
            LastStanding = ValueNone
            Completes =
                row.Completes.Split(',', StringSplitOptions.RemoveEmptyEntries)
                |> Array.map (fun micros -> Instant.ofMicros (Int64.Parse micros))
                |> List.ofArray
            History =
                (if row.HistorySince.HasValue then
                     let since = earliest row.HistorySince

                     ValueSome
                         { Since = since
                           ReadTo = (if row.HistoryReadTo.HasValue then earliest row.HistoryReadTo else since)
                           Cursor = ofText row.HistoryCursor
                           Recent = toRecent row.HistoryRecent }
                 else
                     ValueNone)
            Balance = toBalance row.Balance
            OpenedTotal = row.OpenedTotal
            ClosedTotal = row.ClosedTotal
            ConflictsTotal = row.ConflictsTotal }

/// Puts together what a store keeps of a gateway's connections.
[<Sealed; AbstractClass>]
type StoredConnections =
    /// The rows of a gateway's connections with what its own row tells of them since they were written, in the
    /// ordinal order of ids. Throws InvalidDataException if the gateway's row cannot be read.
    static member Present
        (gateway: GatewayRow, rows: IEnumerable<ConnectionRow>)
        : IReadOnlyList<ConnectionRow> =
        StoredRows.present gateway rows
