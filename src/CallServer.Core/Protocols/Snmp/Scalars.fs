namespace CallServer.Protocols.Snmp

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire

/// What a scalar that is read with rows is there for.
type internal Role =
    | TimeBase
    | Clock
    /// The profile's count of that number.
    | Count of int

/// What is asked of scalars.
[<RequireQualifiedAccess>]
type internal ScalarRequest =
    | Get of names: Oid[]
    /// The few instances of a column whose sum is a count; what was told so far, where they are asked one by one.
    | Instances of column: Oid * told: VarBind list

/// What the gateway says besides rows: its up-time, its boot, its counts, its switches.
type internal Scalars =
    {
        /// Values as they were read last, before the walk or after it, and when.
        Readings: Map<Oid, struct (Value * SnmpReply)>
        /// What Get said of every name since this walk began, or since its end; and what it had said before.
        Said: Map<Oid, Value>
        SaidBefore: Map<Oid, Value>
        /// Counts of the profile in use.
        Counts: CountCheck[]
        /// Scalars that go with every step of the walk.
        Heads: struct (Role * Oid)[]
        /// Counts that are read before and after the walk only.
        Asides: struct (Role * Oid)[]
        Samples: CountProof.Samples
        /// The first reply of the walk.
        First: SnmpReply voption
        /// The reply before the first walk, and the latest of all, that told sysUpTime.
        Opening: SnmpReply voption
        Latest: SnmpReply voption
        /// sysUpTime did not go on as time did.
        HasRestarted: bool
        FirstBoot: Boot voption
        LastBoot: Boot
    }

module internal Scalars =
    let none (now: Instant) : Scalars =
        { Readings = Map.empty
          Said = Map.empty
          SaidBefore = Map.empty
          Counts = [||]
          Heads = [||]
          Asides = [||]
          Samples = CountProof.none
          First = ValueNone
          Opening = ValueNone
          Latest = ValueNone
          HasRestarted = false
          FirstBoot = ValueNone
          LastBoot = Boot.untold now }

    /// Instances of a column whose sum is a count: more engines than a gateway has.
    [<Literal>]
    let private MostInstances = 16

    let query (request: ScalarRequest) : Query =
        match request with
        | ScalarRequest.Get names -> Query.Get names
        | ScalarRequest.Instances(column, told) ->
            let after = told |> List.tryLast |> Option.map _.Name |> Option.defaultValue column
            Query.Instances(after, MostInstances)

    let private namesOf (profile: Profile) : Oid[] =
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

    /// Asked before the walk, in one Get with `besides`.
    let opening (profile: Profile) (besides: Oid[]) : ScalarRequest list =
        [ ScalarRequest.Get(Array.append (namesOf profile) besides)
          for check in profile.Counts do
              for column in check.Columns do
                  ScalarRequest.Instances(column, []) ]

    /// The names of the scalars that go with every step.
    let heads (scalars: Scalars) : Oid[] = scalars.Heads |> Array.map (fun struct (_, name) -> name)

    /// Asked after the walk; instances that were found before it, too.
    let closing (profile: Profile) (scalars: Scalars) : Oid[] =
        let found = Array.append scalars.Heads scalars.Asides |> Array.map (fun struct (_, name) -> name)
        Array.append (namesOf profile) found |> Array.distinct

    /// The walk is done: what is read from now on is read after it.
    let beginClosing (scalars: Scalars) : Scalars = { scalars with Readings = Map.empty; Said = Map.empty }

    let beginWalk (scalars: Scalars) : Scalars =
        { scalars with
            Said = Map.empty
            SaidBefore = scalars.Said
            Samples = CountProof.latest scalars.Samples
            First = ValueNone }

    /// The history counts no connections.
    let beginHistory (scalars: Scalars) : Scalars =
        { scalars with
            Heads = scalars.Heads |> Array.filter (fun struct (role, _) -> role = TimeBase || role = Clock)
            Asides = [||] }

    /// What a reply says of itself, from the values of these scalars.
    let private replyOf
        (checks: CountCheck[])
        (sent: Instant)
        (received: Instant)
        (told: struct (Role * Value)[])
        : SnmpReply =
        let upTime =
            (ValueNone, told)
            ||> Array.fold (fun upTime (struct (role, value)) ->
                match role, Rows.numberOf value with
                | TimeBase, ValueSome ticks when ticks <= int64 UInt32.MaxValue -> ValueSome(uint32 ticks)
                | _ -> upTime)

        let clock =
            (ValueNone, told)
            ||> Array.fold (fun clock (struct (role, value)) ->
                if role = Clock then Rows.octetsOf value else clock)

        // A count is told where each of its scalars is.
        let count (number: int) (check: CountCheck) : int64 voption =
            let parts =
                [ for struct (role, value) in told do
                      if role = Count number then
                          Rows.numberOf value |> ValueOption.filter (fun part -> part <= int64 Int32.MaxValue) ]

            if parts.IsEmpty || List.exists ValueOption.isNone parts then
                ValueNone
            else
                ValueSome(int64 check.RowsPerUnit * List.sumBy ValueOption.get parts)

        { Sent = sent
          Received = received
          UpTime = upTime
          Clock = clock
          Counts = Array.mapi count checks }

    /// What the reply to a step says of itself: the scalars stand first in it.
    let ofStep (sent: Instant) (received: Instant) (varBinds: VarBind[]) (scalars: Scalars) : SnmpReply =
        scalars.Heads
        |> Array.mapi (fun index (struct (role, name)) ->
            if index < varBinds.Length && varBinds[index].Name = name then
                struct (role, varBinds[index].Value)
            else
                struct (role, Null))
        |> replyOf scalars.Counts sent received

    /// What the reply to a Get says of itself.
    let ofGet (sent: Instant) (received: Instant) (varBinds: VarBind[]) (scalars: Scalars) : SnmpReply =
        let values = varBinds |> Array.map (fun varBind -> varBind.Name, varBind.Value) |> Map.ofArray

        Array.append scalars.Heads scalars.Asides
        |> Array.map (fun (struct (role, name)) ->
            struct (role, values |> Map.tryFind name |> Option.defaultValue Null))
        |> replyOf scalars.Counts sent received

    /// sysUpTime in two replies of one run differs by what passed between them; more than this is another run.
    let private tolerance = TimeSpan.FromSeconds 2.0

    /// Whether sysUpTime went on between two replies as time did: a counter that wraps does, one that was reset does not.
    let private wentOn (first: SnmpReply) (later: SnmpReply) : bool =
        match first.UpTime, later.UpTime with
        | ValueSome before, ValueSome after when before <> after ->
            let ticked = float (TimeEvidence.ticksSince before after) * TimeEvidence.hundredth
            let drift = (later.Received - first.Sent) * 0.001
            let least = later.Sent - first.Received - tolerance - drift
            let most = later.Received - first.Sent + tolerance + drift
            ticked >= least && ticked <= most
        | _ -> true

    /// sysUpTime is no clock, and tells neither a restart nor a time: it said the very same although a tenth of a second or more had
    /// passed. That is a recorded answer; a clock that was reset would have to strike the same hundredth again.
    let stoodStill (scalars: Scalars) : bool =
        match scalars.Opening, scalars.Latest with
        | ValueSome first, ValueSome latest ->
            first.UpTime.IsSome
            && first.UpTime = latest.UpTime
            && latest.Sent - first.Received >= TimeSpan.FromMilliseconds 100.0
        | _ -> false

    /// Takes a reply's counts, and looks whether the up-time went on.
    let sample (reply: SnmpReply) (scalars: Scalars) : Scalars =
        let isReset = scalars.Opening |> ValueOption.exists (fun opening -> not (wentOn opening reply))

        { scalars with
            Samples = CountProof.sample reply.Counts scalars.Samples
            First = (if scalars.First.IsNone then ValueSome reply else scalars.First)
            Latest = (if reply.UpTime.IsSome then ValueSome reply else scalars.Latest)
            HasRestarted = scalars.HasRestarted || isReset }

    let private read (sent: Instant) (received: Instant) isAsked (varBinds: VarBind[]) (scalars: Scalars) =
        let reply = { Sent = sent; Received = received; UpTime = ValueNone; Clock = ValueNone; Counts = [||] }

        (scalars, varBinds)
        ||> Array.fold (fun scalars varBind ->
            { scalars with
                Said = Map.add varBind.Name varBind.Value scalars.Said
                Readings =
                    (if isAsked varBind.Name && Rows.isTold varBind.Value then
                         Map.add varBind.Name (struct (varBind.Value, reply)) scalars.Readings
                     else
                         scalars.Readings) })

    /// Takes an answer, and says what is to be asked besides.
    let answered
        (now: Instant)
        (answer: Answer<'P>)
        (request: ScalarRequest)
        (scalars: Scalars)
        : struct (Scalars * ScalarRequest list) =
        let varBinds = answer.Pdu.VarBinds

        match request with
        | ScalarRequest.Get names ->
            let isAsked name = Array.contains name names
            let scalars = read answer.Sent now isAsked varBinds scalars

            if Array.exists isAsked (heads scalars) then
                struct (sample (ofGet answer.Sent now varBinds scalars) scalars, [])
            else
                struct (scalars, [])
        | ScalarRequest.Instances(column, told) ->
            let told = told @ List.ofArray varBinds
            let more = SnmpNames.onward column told MostInstances answer.Repetitions

            struct (read answer.Sent now (Oid.isPrefixOf column) varBinds scalars,
                    [ if more.IsSome then
                          ScalarRequest.Instances(column, told) ])

    /// Takes an error.
    let failed
        (pdu: Pdu)
        (request: ScalarRequest)
        (scalars: Scalars)
        : struct (Scalars * ScalarRequest list) =
        match request with
        // Of one object, version 1's word for what is not there (RFC 3416 section 4.2.1 knows it no longer): it does not tell why
        // not.
        | ScalarRequest.Get [| name |] when pdu.ErrorStatus = ErrorStatus.NoSuchName ->
            struct ({ scalars with Said = Map.add name NoSuchObject scalars.Said }, [])
        | ScalarRequest.Get names -> struct (scalars, SnmpNames.apart pdu names |> List.map ScalarRequest.Get)
        | ScalarRequest.Instances _ -> struct (scalars, [])

    /// When something began of which this up-time tells, and when that was read.
    let private began (upTime: Oid) (readings: Map<Oid, struct (Value * SnmpReply)>) =
        match Map.tryFind upTime readings with
        | Some(struct (value, reply)) ->
            match Rows.numberOf value with
            | ValueSome ticks when ticks <= int64 UInt32.MaxValue ->
                let within = TimeEvidence.began reply.Sent reply.Received (uint32 ticks)
                ValueSome(struct (within, reply.Received))
            | _ -> ValueNone
        | None -> ValueNone

    let private textIn (readings: Map<Oid, struct (Value * SnmpReply)>) (name: Oid) : string =
        match Map.tryFind name readings with
        | Some(struct (value, _)) -> Rows.textOf value
        | None -> ""

    /// A value as text; empty where it is not told.
    let textOf (name: Oid) (scalars: Scalars) : string = textIn scalars.Readings name

    /// The gateway's boot; where the profile's own evidence is not served, that of the agent, as its engine states it.
    let private bootOf (profile: Profile) (engine: string voption) (now: Instant) (scalars: Scalars) : Boot =
        let readings =
            if stoodStill scalars then
                Map.remove Profile.sysUpTime scalars.Readings
            else
                scalars.Readings

        let asToken text =
            text |> ValueOption.bind (fun text -> BootToken.tryCreate text |> ValueOption.ofOption)

        let own = began profile.Boot.UpTime readings
        let texts = profile.Boot.Token |> Array.map (textIn readings)

        let ownToken =
            if texts.Length = 0 || Array.contains "" texts then
                ValueNone
            else
                ValueSome(String.Join(':', texts))

        let scope = if own.IsNone && ownToken.IsNone then OfAgent else profile.Boot.Scope

        let began, readAt =
            match own, began Profile.sysUpTime readings with
            | ValueSome(struct (within, at)), _ -> ValueSome within, at
            | ValueNone, ValueSome(struct (within, at)) when scope = OfAgent -> ValueSome within, at
            | ValueNone, _ -> ValueNone, now

        { Token =
            (if ownToken.IsSome || scope = OfGateway then
                 asToken ownToken
             else
                 asToken engine)
          Scope = scope
          Began = began
          Period = (if began.IsSome then ValueSome Boot.timeTicksPeriod else ValueNone)
          ReadAt = readAt }

    let readBoot (profile: Profile) (engine: string voption) (now: Instant) (scalars: Scalars) : Scalars =
        { scalars with LastBoot = bootOf profile engine now scalars }

    /// Which scalars go with every step, of those that turned out to be served, and which counts are read besides.
    let private rolesOf (profile: Profile) (scalars: Scalars) =
        let served (role: Role) (names: Oid seq) =
            [ for name in names do
                  if Map.containsKey name scalars.Readings then
                      struct (role, name) ]

        let found (check: CountCheck) =
            [ for column in check.Columns do
                  yield! Map.keys scalars.Readings |> Seq.filter (Oid.isPrefixOf column) ]

        let counts =
            [ for number in 0 .. profile.Counts.Length - 1 do
                  let check = profile.Counts[number]

                  match served (Count number) (Seq.append check.Scalars (found check)) with
                  | [] -> ()
                  | names -> names ]

        let clock = profile.Clock |> ValueOption.map _.Oid |> ValueOption.toList
        let first = List.truncate 1 counts
        let others = List.skip first.Length counts
        let heads = served TimeBase [ Profile.sysUpTime ] @ served Clock clock @ List.concat first
        struct (Array.ofList heads, Array.ofList (List.concat others))

    /// The scalars before the walk are read: which of them go with its steps, and what they said, in the shape that every step has.
    let opened (profile: Profile) (engine: string voption) (now: Instant) (scalars: Scalars) : Scalars =
        let scalars = readBoot profile engine now scalars
        let struct (heads, asides) = rolesOf profile scalars

        let scalars =
            { scalars with
                FirstBoot = ValueSome scalars.LastBoot
                Counts = profile.Counts
                Heads = heads
                Asides = asides }

        match Map.tryFind Profile.sysUpTime scalars.Readings with
        | Some(struct (_, read)) ->
            let varBinds =
                [| for KeyValue(name, struct (value, _)) in scalars.Readings -> VarBind.create name value |]

            let reply = ofGet read.Sent read.Received varBinds scalars
            { sample reply scalars with Opening = ValueSome reply }
        | None -> scalars

    /// What the boots before and after the walk say of a restart in it.
    let sameBoot (scalars: Scalars) : Shortfall voption =
        match scalars.FirstBoot with
        | ValueNone -> ValueNone
        | ValueSome first ->
            match Boot.judge first scalars.LastBoot with
            | SameRun
            | CounterWrapped
            | AgentReloaded -> ValueNone
            | Restarted _ -> ValueSome RestartedMeanwhile
            | BootVerdict.Untold -> ValueSome(NotServed "sysUpTime.0, which tells a restart during the audit")

    /// The gateway says that it does not keep its table, or does not say that it keeps one of which it shows nothing.
    let untrusted (profile: Profile) (isEmpty: bool) (countAgrees: bool) (scalars: Scalars) : Shortfall list =
        [ for condition in profile.Trust do
              match Map.tryFind condition.Scalar scalars.Readings with
              | Some(struct (value, _)) when not (Array.contains (Rows.textOf value) condition.Among) ->
                  let among = String.Join(" or ", condition.Among)

                  SwitchedOff
                      $"{condition.Name} is {Rows.textOf value}; the gateway keeps this table only while it is {among}"
              | None when isEmpty && not countAgrees ->
                  Hidden
                      $"the table shows no row, and {condition.Name}, which says whether it is kept, is not served"
              | Some _
              | None -> () ]
