namespace CallServer.Protocols.Snmp

open System
open System.Collections.Generic
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire

/// What a walk amounts to: its observations, and what is wrong with it.
[<NoEquality; NoComparison>]
type internal Findings =
    {
        Observations: Observation[]
        /// Instances of whole rows, ascending.
        Instances: Oid[]
        Shortfalls: Shortfall list
        Remarks: string list
        CountAgrees: bool
    }

module internal Verdict =
    /// Sorted by id, each once: the row heard last stands, which is where a row that moves in its table has
    /// moved to.
    let private distinct (observations: Observation[]) : struct (Observation[] * string list) =
        let byId = Dictionary<string, Observation>(observations.Length, StringComparer.Ordinal)
        let repeated = ResizeArray<string>()

        for observation in observations do
            let id = ConnectionId.value observation.Id

            match byId.TryGetValue id with
            | true, known ->
                repeated.Add id

                if observation.Heard.Latest.Micros >= known.Heard.Latest.Micros then
                    byId[id] <- observation
            | _ -> byId[id] <- observation

        let ids = Array.ofSeq byId.Keys
        Array.Sort(ids, StringComparer.Ordinal)
        struct (ids |> Array.map (fun id -> byId[id]), List.ofSeq repeated)

    /// Rows whose index says that they were set up after the walk's first reply.
    let private countYoung (profile: Profile) (first: Exchange voption) (rows: Row[]) : int =
        match first with
        | ValueSome { UpTime = ValueSome upTime } when profile.Index[0].Kind = IndexTimeStamp ->
            rows
            |> Array.sumBy (fun row -> if TimeEvidence.ticksSince row.Instance[0] upTime < 0L then 1 else 0)
        | ValueSome _
        | ValueNone -> 0

    let private isPending (observation: Observation) =
        match observation.Start with
        | ValueSome start -> start.Within.Latest = Instant.distantFuture
        | ValueNone -> false

    /// What each of the gateway's counts says; the first that it serves was asked most often, and says for the others what moved.
    let private countChecks (profile: Profile) (walk: WalkState) (listed: Observation[]) (rows: Row[]) =
        let samplesOf number = walk.Samples |> Map.tryFind number |> Option.defaultValue [] |> List.rev
        let cached = profile.Traits.Staleness > TimeSpan.Zero
        let pending = listed |> Array.sumBy (fun observation -> if isPending observation then 1 else 0)
        let young = countYoung profile walk.First rows

        let moves =
            match Seq.tryHead (Map.keys walk.Samples) with
            | Some first -> Proving.moves (samplesOf first)
            | None -> struct (0L, 0L)

        [ for number in 0 .. profile.Counts.Length - 1 do
              let samples = samplesOf number

              let verdict =
                  if profile.Positional then
                      Proving.countAtRest samples cached listed.Length
                  else
                      Proving.count samples moves listed.Length young pending

              match verdict with
              | Proving.Exceeds _ when profile.Counts[number].AtLeast -> Proving.Untold
              | verdict -> verdict ]

    let private some (what: string) (oids: Oid[]) : string =
        let shown = oids |> Array.truncate 3 |> Array.map string

        let more =
            if oids.Length > shown.Length then
                $" and {oids.Length - shown.Length} more"
            else
                ""

        what + " " + String.Join(", ", shown) + more

    /// Rows that lack a column that every row has: they were read while they came or went.
    let torn (profile: Profile) (walk: WalkState) : Oid[] =
        let struct (rows, _) = Rows.assemble profile walk.Pieces

        rows
        |> Array.filter (fun row -> not (Rows.isWhole profile row))
        |> Array.map (fun row -> row.Instance)

    /// The walk as if no reply had told sysUpTime.
    let withoutUpTime (walk: WalkState) : WalkState =
        let blind (told: Exchange) = { told with UpTime = ValueNone }

        { walk with
            Pieces = walk.Pieces |> List.map (fun piece -> { piece with Told = blind piece.Told })
            First = walk.First |> ValueOption.map blind }

    /// Up-time clocks run by their own crystals.
    let private driftPpm = 200e-6

    /// All replies of a walk tell of one up-time: what they say together of the moment at which it became
    /// what the newest one told. Nothing where they contradict each other: it was reset, or is no steady
    /// clock.
    let origin (walk: WalkState) : TimeEvidence.Origin voption =
        let mutable known: TimeEvidence.Origin voption = ValueNone
        let mutable steady = true
        let mutable last: Exchange voption = ValueNone
        let mutable earliest = Instant.distantFuture
        let mutable latest = Instant.distantPast

        for piece in walk.Pieces do
            let told = piece.Told

            let isSame =
                match last with
                | ValueSome exchange -> Object.ReferenceEquals(exchange, told)
                | ValueNone -> false

            match told.UpTime with
            | ValueSome upTime when not isSame && steady ->
                last <- ValueSome told
                earliest <- Instant.min earliest told.Sent
                latest <- Instant.max latest told.Received

                match known with
                | ValueNone ->
                    let at = TimeEvidence.became upTime told.Sent told.Received upTime
                    known <- ValueSome { At = at; Ticks = upTime }
                | ValueSome origin ->
                    match
                        Interval.intersect
                            origin.At
                            (TimeEvidence.became origin.Ticks told.Sent told.Received upTime)
                    with
                    | ValueSome at -> known <- ValueSome { origin with At = at }
                    | ValueNone -> steady <- false
            | ValueSome _
            | ValueNone -> ()

        match known with
        | ValueSome origin when steady ->
            let drift = (latest - earliest) * driftPpm
            ValueSome { origin with At = Interval.widen drift drift origin.At }
        | ValueSome _
        | ValueNone -> ValueNone

    /// Everything that the pieces of a walk show.
    let find (profile: Profile) (walk: WalkState) : Findings =
        let struct (rows, strange) = Rows.assemble profile walk.Pieces
        let whole = rows |> Array.filter (Rows.isWhole profile)
        let listed = whole |> Array.filter (Rows.holds profile profile.Where)
        let origin = origin walk
        let observed = listed |> Array.map (fun row -> struct (row, Observing.observe profile origin row))

        let nameless =
            observed
            |> Array.choose (fun struct (row, observation) ->
                if observation.IsNone then Some row.Instance else None)

        let struct (told, vague) =
            observed
            |> Array.choose (fun struct (row, observation) ->
                observation |> ValueOption.map (fun o -> struct (row, o)) |> ValueOption.toOption)
            |> Array.partition (fun struct (row, o) -> Observing.tellsWhich profile row o)
            |> fun (told, vague) -> struct (told, vague)

        let all = told |> Array.map (fun struct (_, o) -> o)

        let struct (observations, repeated) = distinct all
        let counts = countChecks profile walk observations whole

        let shortfalls =
            [ if strange.Length > 0 then
                  Unreadable(some "instances that do not fit the index:" strange)

              if nameless.Length > 0 then
                  Unreadable(some "rows without a usable identity:" nameless)

              if vague.Length > 0 then
                  let rows = vague |> Array.map (fun struct (row, _) -> row.Instance)
                  Unreadable(some "ids are used again, and rows do not tell which connection they are:" rows)

              match repeated with
              | id :: _ when profile.Positional -> IndexMoved $"{id} is listed in more than one place"
              // A row may move from one sub-tree to the next under the walk; elsewhere a name has to be one
              // row's own.
              | id :: _ when profile.Subtrees.Length = 0 -> Unreadable $"several rows are called {id}"
              | _ -> ()

              for count in counts do
                  match count with
                  | Proving.Misses counted
                  | Proving.Exceeds counted -> CountDisagrees(counted, observations.Length)
                  | Proving.Agrees
                  | Proving.Untold -> () ]

        { Observations = observations
          Instances = whole |> Array.map (fun row -> row.Instance)
          Shortfalls = shortfalls
          Remarks = Legibility.complaints profile listed
          CountAgrees = List.contains Proving.Agrees counts }

    /// At most so many places at which the next walk may be cut.
    [<Literal>]
    let private MaxHints = 64

    /// Instances at even distances, at least so many rows apart.
    let hints (apart: int) (instances: Oid[]) : Oid[] =
        let step = max (max 1 apart) ((instances.Length + MaxHints - 1) / MaxHints)
        [| for index in step - 1 .. step .. instances.Length - 2 -> instances[index] |]
