namespace CallServer.Tests.Ledger

open System
open CallServer.Model
open CallServer.Ledger

/// Small builders for tests of the rules; times are seconds after an arbitrary moment.
module Build =
    let gateway = GatewayId.create "gw1"
    let at (seconds: float) = Instant.ofMicros (1_700_000_000_000_000L + int64 (seconds * 1e6))
    let between a b = Interval.create (at a) (at b)

    let observation (id: string) (heard: float) : Observation =
        { Id = ConnectionId.create id
          Stamp = ValueNone
          Heard = between (heard - 0.01) heard
          Setup = ValueNone
          Start = ValueNone
          MinimumAge = TimeSpan.Zero
          Facts = Facts.none }

    let started earliest latest (o: Observation) =
        { o with Start = ValueSome(Timing.reported (between earliest latest)) }

    let called call (o: Observation) =
        { o with Facts = { o.Facts with Call = ValueSome(CallId.create call) } }

    let boot token began readAt : Boot =
        { Token = ValueSome(BootToken.create token)
          Scope = OfAgent
          Began = ValueSome(between (began - 0.01) (began + 0.01))
          Period = ValueSome Boot.timeTicksPeriod
          ReadAt = at readAt }

    let snapshot asked answered completeness (observations: Observation list) : Snapshot =
        { Gateway = gateway
          Protocol = "test"
          Profile = "test"
          Traits = Traits.plain
          Asked = at asked
          Answered = at answered
          Boot = Boot.untold (at answered)
          Completeness = completeness
          Observations =
            observations |> List.distinctBy (fun o -> o.Id) |> List.sortBy (fun o -> o.Id) |> Array.ofList
          Ended = [||]
          History = ValueNone
          Denied = [||]
          Total = ValueNone
          Standing = ValueNone
          Remarks = []
          Requests = 1 }

    let complete asked answered observations =
        snapshot asked answered (Complete [ EndOfTable; SameBoot ]) observations

    let partial asked answered observations =
        snapshot asked answered (Partial [ CutShort "test" ]) observations

    let silent asked answered = snapshot asked answered (Partial [ Silent "test" ]) []
    let withBoot boot (snapshot: Snapshot) = { snapshot with Boot = boot }
    let withTraits traits (snapshot: Snapshot) = { snapshot with Traits = traits }

    let apply snapshot ledger =
        let struct (next, changes) = Reconcile.apply snapshot ledger
        next, changes

    /// Applies all snapshots in turn; returns the ledger, and the changes of the last one.
    let replay (snapshots: Snapshot list) =
        ((GatewayLedger.empty gateway, [||]), snapshots)
        ||> List.fold (fun (ledger, _) snapshot -> apply snapshot ledger)

    let closings (changes: Change[]) =
        changes
        |> Array.choose (fun change ->
            match change with
            | Closed(c, ending) -> Some(string c.Id, ending)
            | _ -> None)

    let names (ledger: GatewayLedger) = ledger.Connections |> Array.map (fun c -> string c.Id)
    let only (ledger: GatewayLedger) = Array.exactlyOne ledger.Connections
