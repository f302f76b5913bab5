namespace CallServer.Protocols.Snmp

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire

/// What is read before a walk and after it, besides rows: the gateway's boot, its counts, its switches.
module internal Scalars =
    open AuditState

    let private scalarsOf (profile: Profile) : Oid[] =
        [| Profile.sysUpTime
           profile.Boot.UpTime
           yield! profile.Boot.Token
           for check in profile.Counts do
               yield! check.Scalars
           for condition in profile.Trust do
               condition.Scalar
           match profile.Clock with
           | ValueSome clock -> clock.Oid
           | ValueNone -> () |]
        |> Array.distinct

    /// sysUpTime is no clock: then it tells neither a restart nor a time.
    let stoodStill (state: SnmpAuditState) : bool =
        match state.OpeningExchange, state.LatestExchange with
        | ValueSome first, ValueSome latest -> Proving.stoodStill first latest
        | _ -> false

    let readBoot (now: Instant) (state: SnmpAuditState) : SnmpAuditState =
        let engine =
            match state.Session with
            | ValueSome session -> V3Session.bootToken session
            | ValueNone -> ValueNone

        let readings =
            if stoodStill state then
                Map.remove Profile.sysUpTime state.Readings
            else
                state.Readings

        { state with LastBoot = Proving.boot (profile state) engine now readings }

    /// The scalars before the walk.
    let beginOpening (state: SnmpAuditState) : SnmpAuditState =
        let profile = profile state

        let finding =
            [ for check in profile.Counts do
                  for column in check.Columns -> Finding(column, []) ]

        { state with Phase = Opening; Readings = Map.empty }
        |> enqueue (Reading(Array.append (scalarsOf profile) (Confirming.controls profile)) :: finding)

    /// The scalars after the walk, the counts that were found before it, and what is to be confirmed of the walk.
    let beginClosing (state: SnmpAuditState) : SnmpAuditState =
        let profile = profile state
        let found = Array.append state.Heads state.Asides |> Array.map (fun struct (_, name) -> name)
        let names = Array.append (scalarsOf profile) found |> Array.distinct
        let confirmations = Confirming.plan profile state.Walk.Pieces state.Walk.Ends state.Known

        { state with
            Phase = Closing
            Readings = Map.empty
            Walk = { state.Walk with Confirmations = confirmations; Told = Map.empty } }
        |> enqueue (Requests.readings state names (Confirming.names confirmations))

    /// The scalars that go with every step, of those that turned out to be served, and the counts besides.
    let headsOf
        (profile: Profile)
        (readings: Proving.Readings)
        : struct (Role * Oid)[] * struct (Role * Oid)[] =
        let served (role: Role) (names: Oid seq) =
            [ for name in names do
                  if Map.containsKey name readings then
                      struct (role, name) ]

        let found (check: CountCheck) =
            [ for column in check.Columns do
                  yield! Map.keys readings |> Seq.filter (Oid.isPrefixOf column) ]

        let counts =
            [ for number in 0 .. profile.Counts.Length - 1 do
                  let check = profile.Counts[number]

                  match served (Count number) (Seq.append check.Scalars (found check)) with
                  | [] -> ()
                  | names -> names ]

        let clock = profile.Clock |> ValueOption.map _.Oid |> ValueOption.toList

        Array.ofList (
            served TimeBase [ Profile.sysUpTime ] @ served Clock clock @ List.concat (List.truncate 1 counts)
        ),
        Array.ofList (List.concat (List.truncate counts.Length (List.skip (min 1 counts.Length) counts)))

    /// The gateway says that it does not keep its table, or does not say that it keeps one of which it shows nothing.
    let untrusted (countAgrees: bool) (state: SnmpAuditState) : Shortfall list =
        [ for condition in (profile state).Trust do
              match Map.tryFind condition.Scalar state.Readings with
              | Some(struct (value, _)) when not (Array.contains (Rows.textOf value) condition.Among) ->
                  let among = String.Join(" or ", condition.Among)

                  SwitchedOff
                      $"{condition.Name} is {Rows.textOf value}; the gateway keeps this table only while it is {among}"
              | None when state.Walk.Rows = 0 && not countAgrees ->
                  Hidden
                      $"the table shows no row, and {condition.Name}, which says whether it is kept, is not served"
              | Some _
              | None -> () ]
