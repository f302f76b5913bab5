namespace CallServer.Protocols.Snmp

open System
open System.Collections.Generic
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire

/// What a walk listed, and what is wrong with its rows.
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

/// What a walk amounts to: its observations, and whether it listed every connection (rule 3).
module internal WalkVerdict =
    /// Sorted by id, each once: the row heard last stands, because a row that moves in its table has moved there.
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

    let private some (what: string) (oids: Oid[]) : string =
        let shown = oids |> Array.truncate 3 |> Array.map string

        let more =
            if oids.Length > shown.Length then
                $" and {oids.Length - shown.Length} more"
            else
                ""

        what + " " + String.Join(", ", shown) + more

    /// The reply as if it had not told sysUpTime.
    let private blind (reply: SnmpReply) : SnmpReply = { reply with UpTime = ValueNone }

    /// Everything that the pieces of a walk show; `isBlind`: sysUpTime is no clock.
    let find
        (profile: Profile)
        (brief: Brief voption)
        (isBlind: bool)
        (scalars: Scalars)
        (pieces: Piece list)
        : Findings =
        let pieces, first =
            if isBlind then
                pieces |> List.map (fun piece -> { piece with Reply = blind piece.Reply }),
                scalars.First |> ValueOption.map blind
            else
                pieces, scalars.First

        let struct (rows, strange) = Rows.assemble profile pieces
        let whole = rows |> Array.filter (Rows.isWhole profile)
        let listed = whole |> Array.filter (Rows.holds profile profile.Where)
        let origin = SnmpObserving.origin pieces

        let tellingOf (row: Row) =
            match brief with
            | ValueSome brief when Rows.isBrief row -> brief.Told
            | ValueSome _
            | ValueNone -> profile

        let observed =
            listed |> Array.map (fun row -> struct (row, SnmpObserving.observe (tellingOf row) origin row))

        let nameless =
            observed
            |> Array.choose (fun struct (row, observation) ->
                if observation.IsNone then Some row.Instance else None)

        let told, vague =
            observed
            |> Array.choose (fun struct (row, observation) ->
                observation |> ValueOption.map (fun o -> struct (row, o)) |> ValueOption.toOption)
            |> Array.partition (fun struct (row, o) -> SnmpObserving.tellsWhich profile row o)

        let struct (observations, repeated) = told |> Array.map (fun struct (_, o) -> o) |> distinct
        let counts = CountProof.judge profile scalars.Samples first observations whole

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
              // A row may move from one sub-tree to the next under the walk; elsewhere no two rows may have one name.
              | id :: _ when profile.Subtrees.Length = 0 -> Unreadable $"several rows are called {id}"
              | _ -> ()

              for count in counts do
                  match count with
                  | CountProof.Misses counted
                  | CountProof.Exceeds counted -> CountDisagrees(counted, observations.Length)
                  | CountProof.Agrees
                  | CountProof.Untold -> () ]

        { Observations = observations
          Instances = whole |> Array.map (fun row -> row.Instance)
          Shortfalls = shortfalls
          Remarks = Legibility.complaints profile (listed |> Array.filter (Rows.isBrief >> not))
          CountAgrees = List.contains CountProof.Agrees counts }

    /// Whether the walk listed every connection.
    [<NoEquality; NoComparison>]
    type Verdict =
        | Whole of Proof list
        /// It showed no row, and the table may be hidden from whoever asks.
        | Hidden of Shortfall list
        /// It did not, for reasons of which another walk may be free.
        | Passing of Shortfall list
        | Lasting of Shortfall list

    /// Another walk may be free of it.
    let private mayMend (shortfall: Shortfall) : bool =
        match shortfall with
        | CountDisagrees _
        | IndexMoved _ -> true
        | Silent _
        | Refused _
        | CutShort _
        | NotIncreasing _
        | RestartedMeanwhile
        | NotServed _
        | Shortfall.Hidden _
        | SwitchedOff _
        | DoesNotList
        | TooLarge _
        | PastLimit _
        | CallServer.Ledger.Unreadable _
        | AnsweredElsewhere _
        | DeclaredPartial
        | Cancelled -> false

    /// The verdict on a walk, after the scalars were read again and Get was asked to confirm it.
    let judge
        (profile: Profile)
        (confirmations: Confirmations)
        (scalars: Scalars)
        (walk: TableWalk)
        (findings: Findings)
        : Verdict =
        let confirmed =
            Confirming.judge profile confirmations scalars.SaidBefore scalars.Said findings.CountAgrees

        let lasting =
            [ match Scalars.sameBoot scalars with
              | ValueSome shortfall -> shortfall
              | ValueNone -> ()
              yield! Scalars.untrusted profile (walk.Rows = 0) findings.CountAgrees scalars
              if scalars.HasRestarted then
                  RestartedMeanwhile
              yield! TableWalk.shortfalls walk
              yield! findings.Shortfalls
              // Where nothing of the MIB is served, so much is hidden that it goes by another name.
              if not (walk.Broken |> List.exists _.IsNotServed) then
                  yield! confirmed.Lasting ]

        match List.distinct (lasting @ confirmed.Passing) with
        | reasons when walk.Rows = 0 && confirmed.Lasting |> List.exists _.IsHidden -> Hidden reasons
        | [] when findings.CountAgrees -> Whole [ EndOfTable; SameBoot; CountAgrees ]
        | [] -> Whole [ EndOfTable; SameBoot ]
        | reasons when List.forall mayMend lasting -> Passing reasons
        | reasons -> Lasting reasons
