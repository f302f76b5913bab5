/// The join of connections into calls: laws for any steps, and each finding by an example.
module CallServer.Tests.Ledger.CallsTests

open System
open FsCheck
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Tests
open CallServer.Tests.Ledger

/// Less patient than the default, so that a short world sees everything.
let private rules =
    { CallRules.standard with
        Patience = TimeSpan.FromSeconds 15.0
        Retention = TimeSpan.FromSeconds 40.0
        Usual = 1 }

let private play (steps: CallStep list) =
    (CallBook.empty rules, steps)
    ||> List.fold (fun table step ->
        let struct (next, _) = CallBook.apply step table
        next)

let private seeds = 120UL

let private eachWorld (check: uint64 -> CallStep list -> unit) =
    for seed in 1UL .. seeds do
        check seed (CallsWorld(seed).Steps 40)

let ``kept up step by step it is what it would be from scratch`` =
    example (fun () ->
        let kinds = Collections.Generic.HashSet<FindingKind>()
        let joined = ref 0

        eachWorld (fun seed steps ->
            let mutable table = CallBook.empty rules

            for step in steps do
                let struct (next, _) = CallBook.apply step table
                let at = (step.Audit.Value: CallAudit).Asked
                let struct (next, _) = CallBook.tick at next
                table <- next

                (CallsOracle.held table = CallsOracle.calls table)
                |> Check.because $"seed {seed}" Check.isTrue

                for call in CallBook.calls table do
                    joined.Value <- joined.Value + (if call.Live.Length > 1 then 1 else 0)

                    for finding in call.Findings do
                        kinds.Add finding.Kind |> ignore)

        joined.Value |> Check.above 300
        kinds |> Check.because "a world that shows nothing proves nothing" (Check.sameItems FindingKind.all))

let ``every connection is in exactly one call, and every call has one`` =
    example (fun () ->
        eachWorld (fun seed steps ->
            let table = play steps
            let inCalls = CallBook.calls table |> Seq.collect _.Live |> Array.ofSeq

            let active =
                table.Sources.Values
                |> Seq.collect (fun source ->
                    source.Connections |> Seq.map (LegKey.ofConnection source.Gateway))
                |> Array.ofSeq

            inCalls |> Check.because $"seed {seed}" (Check.sameItems active)
            CallBook.calls table |> Seq.forall (fun call -> call.Live.Length > 0) |> Check.isTrue))

/// The same steps with the gateways interleaved differently; each gateway's own order is kept.
let private shuffled (seed: uint64) (steps: CallStep list) =
    let rec merge rng (queues: CallStep list list) =
        match queues |> List.filter (fun queue -> not queue.IsEmpty) with
        | [] -> []
        | left ->
            let struct (which, next) = Rng.below left.Length rng
            let queue = left[which]
            queue.Head :: merge next (queue.Tail :: List.removeAt which left)

    steps |> List.groupBy _.Gateway |> List.map snd |> merge (Rng.create seed)

let ``the order between gateways does not matter`` =
    example (fun () ->
        eachWorld (fun seed steps ->
            let straight = play steps

            for other in [ shuffled seed steps; steps |> List.groupBy _.Gateway |> List.collect snd ] do
                (CallsOracle.held (play other) = CallsOracle.held straight)
                |> Check.because $"seed {seed}" Check.isTrue))

let ``silence finds nothing`` =
    example (fun () ->
        let findings table =
            set
                [ for live, gone, findings in CallsOracle.held table do
                      for finding in findings -> live, gone, finding.Kind ]

        eachWorld (fun seed steps ->
            let table = play steps

            for source in table.Sources.Values do
                for keep in [ 0; 2 ] do
                    // Every second connection stays confirmed, or none does.
                    let quiet =
                        source.Connections
                        |> Array.mapi (fun i c ->
                            if keep > 0 && i % keep = 0 then c else { c with Status = Status.Unconfirmed })

                    let silence =
                        { Gateway = source.Gateway
                          Source = ValueSome source.Source
                          DriftPpm = 0.0
                          Audit = ValueSome { Asked = Build.at 1e6; IsComplete = false }
                          Connections = quiet
                          Changes = [||] }

                    let struct (after, _) = CallBook.apply silence table

                    Set.isSubset (findings after) (findings table)
                    |> Check.because $"seed {seed} {source.Gateway}" Check.isTrue))

let ``what is told of findings is what became of them`` =
    example (fun () ->
        let tellings = ref 0

        eachWorld (fun seed steps ->
            let mutable table = CallBook.empty rules

            for step in steps do
                let before = table
                let struct (after, changes) = CallBook.apply step before
                table <- after

                // Findings of `here` whose kind no call of `there` with a shared leg has.
                let fresh (here: CallTable) (there: CallTable) =
                    [ for call in CallBook.calls here do
                          for finding in call.Findings do
                              let known =
                                  Seq.append call.Live call.Gone
                                  |> Seq.choose (fun key ->
                                      match there.CallOf.TryGetValue key with
                                      | true, other -> Some other
                                      | _ -> None)
                                  |> Seq.exists (fun other ->
                                      other.Findings |> List.exists (fun same -> same.Kind = finding.Kind))

                              if not known then
                                  List.ofArray call.Live, finding ]
                    |> set

                let told pick = changes |> Array.choose pick |> set

                let found =
                    told (fun change ->
                        match change with
                        | Found(call, finding) -> Some(List.ofArray call.Live, finding)
                        | Cleared _ -> None)

                let cleared =
                    told (fun change ->
                        match change with
                        | Cleared(call, finding) -> Some(List.ofArray call.Live, finding)
                        | Found _ -> None)

                tellings.Value <- tellings.Value + changes.Length
                (found = fresh after before) |> Check.because $"seed {seed}: found" Check.isTrue
                (cleared = fresh before after) |> Check.because $"seed {seed}: cleared" Check.isTrue)

        tellings.Value |> Check.above 100)

let ``in the end nothing is remembered`` =
    example (fun () ->
        eachWorld (fun seed steps ->
            let table = play steps

            let gateways =
                table.Sources.Values |> Seq.map (fun source -> source.Gateway, source) |> Array.ofSeq

            let emptied =
                (table, gateways)
                ||> Array.fold (fun table (gateway, source) ->
                    let ending: Ending =
                        { Within = Interval.create (Build.at 2e6) (Build.at 2e6)
                          Evidence = Absent
                          Cause = ValueNone
                          Counters = ValueNone
                          Order = ValueNone }

                    let struct (next, _) =
                        CallBook.apply
                            { Gateway = gateway
                              Source = ValueSome source.Source
                              DriftPpm = 0.0
                              Audit = ValueNone
                              Connections = [||]
                              Changes = source.Connections |> Array.map (fun c -> Closed(c, ending)) }
                            table

                    next)

            let rec forget (table: CallTable) =
                match CallBook.due table with
                | ValueNone -> table
                | ValueSome at ->
                    let struct (next, _) = CallBook.tick at table
                    forget next

            let table = forget emptied

            (table.Ghosts.Count,
             table.ById.Count,
             table.BySocket.Count,
             table.CallOf.Count,
             table.Calls.Count)
            |> Check.because $"seed {seed}" (Check.equal (0, 0, 0, 0, 0))

            for source in table.Sources.Values do
                (source.Total,
                 source.Joined,
                 source.Lonely.Count,
                 source.Partners.Count,
                 source.Watched.Count)
                |> Check.because $"seed {seed}" (Check.equal (0, 0, 0, 0, 0))))
