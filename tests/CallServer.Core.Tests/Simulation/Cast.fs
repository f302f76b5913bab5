namespace CallServer.Tests.Simulation

open System
open System.Text
open CallServer.Gateway
open CallServer.Model
open CallServer.Ledger
open CallServer.Tests
open CallServer.Surface
open CallServer.Wire
open CallServer.Protocols.Snmp

/// Creates a fleet's gateways, and the audits of them.
module Cast =
    let private enterprises = Oid.parse "1.3.6.1.4.1"
    let private timeout = TimeSpan.FromSeconds 1.0
    let private community = "public"

    [<Literal>]
    let private Attempts = 4

    /// Two neighbours carry one end each of a trunk's calls.
    let private trunks (plan: Plan) (place: int) : Trunk list =
        if (place ^^^ 1) < plan.Gateways then
            [ { Seed = plan.Seed + uint64 (place / 2)
                Connections = plan.Connections / 4
                Churn = plan.Churn / 4.0
                End = (if place % 2 = 0 then Near else Far) } ]
        else
            []

    let private table (plan: Plan) (dice: Dice) (place: int) : TableOptions =
        { TableOptions.standard with
            Connections = dice.Below(plan.Connections + 1)
            Churn = plan.Churn * dice.Fraction()
            Ages = struct (TimeSpan.FromSeconds 1.0, TimeSpan.FromHours 2.0)
            Ringing = struct (TimeSpan.FromSeconds 0.5, TimeSpan.FromSeconds 8.0)
            ShowRinging = dice.Chance 50
            Trunks = trunks plan place }

    /// A column of the profile's tables, or another enterprise's subtree, which profile detection runs into.
    let private somewhere (mib: Mib) (n: int) : Oid =
        let columns =
            [ for table in mib.Tables do
                  for column in table.Columns -> Oid.child column.Arc table.Entry ]

        let others = [ 9u; 664u; 6889u; 22736u; 27880u ] |> List.map (fun arc -> Oid.child arc enterprises)
        let places = columns @ others
        places[n % places.Length]

    /// Makes walks take many requests, so that an event after some of them happens in the middle of a walk.
    let private inShortReplies (n: int) (vices: Vices) : Vices =
        { vices with MaxVarBinds = ValueSome(16 + n % 40) }

    let private snmpVices (mib: Mib) (isVersion3: bool) (draw: int) =
        let n = draw / 17

        match draw % 17 with
        | 0 -> Vices.mute
        | 1 -> Vices.dyingAfter (n % 12)
        | 2 -> { Vices.none with MaxVarBinds = ValueSome(1 + n % 60) }
        | 3 -> { Vices.none with CutsRows = true; OddNumbers = true }
        | 4 -> { Vices.none with MissingCells = ValueSome(2 + n % 9) }
        | 5 -> { Vices.none with Looping = ValueSome(Repeats(n % 20)) }
        | 6 -> { Vices.none with Looping = ValueSome(GoesBack(1 + n % 20)) }
        | 7 when n % 3 = 0 ->
            { Vices.none with HidesTableFor = ValueSome(1 + n / 3 % 9) } |> inShortReplies (n / 27)
        | 7 -> { Vices.none with HidesTableAfter = ValueSome(n % 12) } |> inShortReplies (n / 12)
        | 8 -> { Vices.none with EndsAfterRow = ValueSome(n % 20) }
        | 9 -> Vices.slow (TimeSpan.FromMilliseconds(float (n % 900))) TimeSpan.Zero
        | 10 -> { Vices.none with GarbageStamps = ValueSome(1 + n % 4) }
        | 11 -> { Vices.none with BulkRefusal = ValueSome Unanswered }
        | 12 -> { Vices.none with BulkRefusal = ValueSome(AnsweredBy(1 + n % 5)) }
        | 13 -> { Vices.none with FaultyBelow = [ somewhere mib (n / 2) ]; BlamesNobody = n % 2 = 0 }
        | 14 -> { Vices.none with TooBigAbove = ValueSome(3 + n % 60) }
        | 15 when isVersion3 ->
            { Vices.none with TwinAfter = ValueSome(1 + n % 12) } |> inShortReplies (n / 12)
        | _ -> { Vices.none with SilentAbove = ValueSome(484 + n % 3000) }

    /// How a gateway tells what is no part of a connection's identity. It is honest about it.
    let private snmpHabit (profile: string) (dice: Dice) : Vices =
        // Not those by which a call is found again after a restart of the agent: without them nobody could.
        let late () =
            match Profiles.tryFind profile with
            | Some profile ->
                let keys = Brief.columns profile |> ValueOption.defaultValue [||]

                let coded =
                    profile.Codec
                    |> List.collect (fun codec ->
                        match codec with
                        | CodecName(name, rate) -> name :: ValueOption.toList rate
                        | CodecPayloadType source -> [ source ])

                [ for column in Profile.columnsOf (coded @ profile.Qos.Dscp @ profile.Qos.Reported) do
                      if not (Array.contains column keys) then
                          profile.Columns[column].Oid ]
            | None -> []

        { Vices.none with
            Renegotiates = (if dice.Chance 50 then ValueSome(dice.Seconds(2.0, 60.0)) else ValueNone)
            Late =
                (if dice.Chance 25 then
                     ValueSome(struct (Set.ofList (late ()), dice.Seconds(1.0, 30.0)))
                 else
                     ValueNone) }

    let private snmp
        (plan: Plan)
        (dice: Dice)
        (place: int)
        (name: string)
        (profile: string)
        (user: string)
        (start: Instant)
        : FarEnd =
        let uptime =
            match dice.Below 6 with
            | 0 -> Boot.timeTicksPeriod - TimeSpan.FromSeconds(float (dice.Below 120))
            | 1 -> TimeSpan.FromSeconds(2147483648.0 / 100.0 - float (dice.Below 120))
            | _ -> TimeSpan.FromSeconds(float (100 + dice.Below 30_000_000))

        let mib = Gateways.mibs |> List.find (fun mib -> mib.Profile = profile)
        let isVersion3 = user <> ""

        let options =
            { AgentOptions.ofMib mib name with
                Uptime = uptime
                Community = (if isVersion3 then ValueNone else ValueSome community)
                Users =
                    [ if isVersion3 then
                          { Name = Encoding.UTF8.GetBytes user; Auth = None; Priv = None } ] }

        // Dice of their own: what they decide is no part of the seed's other fortunes.
        let own = Dice(plan.Seed * 31UL + uint64 place)
        let habit = snmpHabit profile own
        let factsEvery = 1 + own.Below 5
        let options = { options with Vices = habit }
        let agent = Gateways.create (dice.Next()) (table plan dice place) options start

        let turn _ draw =
            let vices =
                draw |> ValueOption.map (snmpVices mib isVersion3) |> ValueOption.defaultValue Vices.none

            { vices with Renegotiates = habit.Renegotiates; Late = habit.Late }
            |> AgentState.withVices
            |> MultiGateway.mapAgent

        FarEnd(
            profile,
            "snmp",
            MultiGateway.create (ValueSome agent) [] agent.Table,
            uptime,
            turn,
            factsEvery = factsEvery
        )

    /// A gateway of a protocol other than SNMP; `make` lets it speak for a table, up since that instant, with the
    /// vice of that draw.
    let private speaking
        (kind: string)
        (table: Table)
        (up: TimeSpan)
        (losesNothing: bool)
        (remembers: TimeSpan)
        (make: Table -> Booted -> int voption -> Responder)
        : FarEnd =
        let turn booted draw (gateway: MultiGateway) =
            MultiGateway.withResponder (make gateway.Table booted draw) gateway

        let responder = make table { Since = table.Now - up; Ended = 0L } ValueNone

        FarEnd(
            kind,
            responder.Protocol,
            MultiGateway.create ValueNone [ responder ] table,
            up,
            turn,
            losesNothing = losesNothing,
            remembers = remembers
        )

    let private pick (words: string list) (draw: int) : string = words[draw % words.Length]

    /// Leaves out vices that lie about single calls, which nobody could detect. A gateway that hides media hides it
    /// all the time: a party that had answered would otherwise become nameless again.
    let private ngVices (draw: int) =
        let n = draw / 20

        pick
            [ $"mute-after={n % 20}"
              "refuses"
              $"error-every={1 + n % 10}"
              "no-statistics"
              $"count-off-by={n % 7 - 3}"
              "repeats"
              "truncates"
              "deep"
              $"padding={n % 70_000}"
              $"silent-above={200 + n % 3000}"
              "wrong-cookies"
              "garbage"
              "json"
              "shuffled-keys"
              $"ms-per-request={n % 900}" ]
            draw

    let private ng (plan: Plan) (dice: Dice) (place: int) (start: Instant) : FarEnd =
        let skew = TimeSpan.FromMilliseconds(float (dice.Below 1600 - 800))
        let coarse = dice.Chance 10
        let video = if dice.Chance 25 then ValueSome(1 + dice.Below 4) else ValueNone
        let fax = if dice.Chance 15 then ValueSome(1 + dice.Below 6) else ValueNone
        let options = { table plan dice place with ShowRinging = true }

        let make (table: Table) (booted: Booted) (vice: int voption) =
            let honest =
                { NgVices.none with
                    ClockAhead = skew
                    NoMicros = coarse
                    NoMedia = coarse && skew < TimeSpan.Zero
                    VideoEvery = video
                    FaxEvery = fax }

            let vices =
                match vice with
                | ValueNone -> honest
                | ValueSome draw ->
                    match NgVices.add (ngVices draw) honest with
                    | Ok vices -> vices
                    | Error mistake -> failwith mistake

            NgResponder.create
                { UpTime = table.Now - booted.Since; EndedBefore = booted.Ended; Vices = vices }
                table

        let up = dice.Seconds(100.0, 1e6)
        speaking "ng" (Table.create (dice.Next()) options start) up false TimeSpan.MaxValue make

    /// Leaves out vices that hide single dialogs: while calls come and go, no count is exact enough to detect that.
    let private kamailioVices (draw: int) =
        let n = draw / 20

        pick
            [ $"mute-after={n % 12}"
              "refuses"
              $"error-every={1 + n % 10}"
              "no-dialogs"
              "no-count"
              "no-total"
              $"count-off-by={n % 7 - 3}"
              "count-lags"
              "doubles"
              $"nameless-every={1 + n % 9}"
              "keeps-ended"
              "drops-ended"
              "total-resets"
              "ends-untold"
              $"ends-early-ms={60_000 + 1000 * (n % 5000)}"
              "hides-dialog"
              $"restarts-after={n % 9}"
              "truncates"
              "deep"
              $"padding={n % 70_000}"
              $"silent-above={100 + n % 9000}"
              "wrong-ids"
              "garbage"
              $"ms-per-request={n % 900}" ]
            draw

    /// What a Kamailio has counted that has run for long.
    [<Literal>]
    let private LongRun = 1_000_000L

    let private kamailio (plan: Plan) (dice: Dice) (place: int) (start: Instant) : FarEnd =
        // Audits do not depend on how far its clock is from ours.
        let skew = TimeSpan.FromMilliseconds(float (dice.Below 20_000_000 - 10_000_000))
        let noTotal, noCount = dice.Chance 20, dice.Chance 10
        // Dice of their own: what they decide is no part of the seed's other fortunes.
        let own = Dice(plan.Seed * 37UL + uint64 place)

        let totalBase =
            ref (
                match own.Below 3 with
                | 0 -> 4294967296L - int64 (own.Below 60)
                | 1 -> LongRun
                | _ -> 0L
            )

        let make (table: Table) (booted: Booted) (vice: int voption) =
            let honest () =
                { KamailioVices.none with
                    ClockAhead = skew
                    NoTotal = noTotal
                    NoCount = noCount
                    TotalBase = totalBase.Value }

            let vices =
                match vice with
                | ValueNone -> honest ()
                | ValueSome draw when kamailioVices draw = "total-resets" ->
                    // Only a total that is high enough is seen to be set to zero.
                    if totalBase.Value = LongRun then
                        totalBase.Value <- booted.Ended - table.ListedTotal

                    honest ()
                | ValueSome draw ->
                    match KamailioVices.add (kamailioVices draw) (honest ()) with
                    | Ok vices -> vices
                    | Error mistake -> failwith mistake

            KamailioResponder.create
                { UpTime = table.Now - booted.Since; EndedBefore = booted.Ended; Vices = vices }
                table

        let options = { table plan dice place with ShowRinging = true }
        let up = dice.Seconds(100.0, 1e6)
        let table = Table.create (dice.Next()) options start
        speaking "jsonrpc" table up false KamailioResponder.lingering make

    /// Leaves out vices that hide single channels: while calls come and go, no count is exact enough to detect that.
    let private eslVices (draw: int) =
        let n = draw / 30

        pick
            [ $"mute-after={n % 40}"
              "rejects"
              "other-password"
              "refuses"
              $"error-every={1 + n % 10}"
              "sql-error"
              "sql-disabled"
              "no-clock"
              $"ghosts={1 + n % 5}"
              $"row-count-off-by={n % 7 - 3}"
              $"count-off-by={n % 7 - 3}"
              "doubles"
              $"nameless-every={1 + n % 9}"
              $"ends-when-asked={1 + n % 9}"
              $"untold-every={1 + n % 9}"
              "events"
              $"hangs-up-after={n % 40}"
              $"restarts-after={n % 12}"
              "truncates"
              "garbage"
              $"padding={n % 70_000}"
              $"ms-per-request={n % 900}" ]
            draw

    let private eslPassword = "ClueCon"B

    let private esl (plan: Plan) (dice: Dice) (place: int) (start: Instant) : FarEnd * int =
        // Audits do not depend on how far its clock is from ours.
        let skew = TimeSpan.FromMilliseconds(float (dice.Below 20_000_000 - 10_000_000))
        let lag = TimeSpan.FromMilliseconds(float (dice.Below 500))
        let noClock, events = dice.Chance 10, dice.Chance 30
        let seed = dice.Next()

        let make (table: Table) (booted: Booted) (vice: int voption) =
            let honest =
                { EslVices.none with
                    ClockAhead = skew
                    ListLag = lag
                    NoClock = noClock
                    Events = events }

            let vices =
                match vice with
                | ValueNone -> honest
                | ValueSome draw ->
                    match EslVices.add (eslVices draw) honest with
                    | Ok vices -> vices
                    | Error mistake -> failwith mistake

            EslResponder.create
                { EslOptions.standard with
                    UpTime = table.Now - booted.Since
                    EndedBefore = booted.Ended
                    Password = eslPassword
                    Seed = seed
                    Vices = vices }
                table

        let options = { table plan dice place with ShowRinging = true }
        let up = dice.Seconds(100.0, 1e6)
        let table = Table.create (dice.Next()) options start
        speaking "esl" table up false TimeSpan.MaxValue make, 1 + dice.Below 4

    /// Leaves out vices that lie about single channels, which nobody could detect.
    let private ariVices (draw: int) =
        let n = draw / 20

        pick
            [ $"mute-after={n % 40}"
              "unauthorized"
              "forbidden"
              $"boots-for={1 + n % 9}"
              $"error-every={1 + n % 10}"
              "no-ari"
              $"bad-gateway-every={2 + n % 9}"
              "html"
              "proxied"
              $"stale-ms={1 + n % 900}"
              "doubles"
              $"nameless-every={1 + n % 9}"
              "no-rtp"
              "statistics-stall"
              "variables-stall"
              "no-times"
              $"restarts-after={n % 9}"
              "truncates"
              $"padding={n % 70_000}"
              "wrong-ids"
              "garbage"
              $"ms-per-request={n % 900}" ]
            draw

    let private ari (plan: Plan) (dice: Dice) (place: int) (start: Instant) : FarEnd =
        // Audits depend neither on how far its clock is from ours, nor on its zone.
        let skew = TimeSpan.FromMilliseconds(float (dice.Below 20_000_000 - 10_000_000))
        let zone = TimeSpan.FromMinutes(float (15 * (dice.Below 104 - 48)))
        let tells, proxied = dice.Chance 30, dice.Chance 10

        let make (table: Table) (booted: Booted) (vice: int voption) =
            let honest =
                { AriVices.none with
                    ClockAhead = skew
                    Zone = zone
                    TellsFormats = tells
                    Proxied = proxied }

            let vices =
                match vice with
                | ValueNone -> honest
                | ValueSome draw ->
                    match AriVices.add (ariVices draw) honest with
                    | Ok vices -> vices
                    | Error mistake -> failwith mistake

            AriResponder.create
                { AriOptions.standard with UpTime = table.Now - booted.Since; Vices = vices }
                table

        let options = { table plan dice place with ShowRinging = true }
        let up = dice.Seconds(100.0, 1e6)
        speaking "ari" (Table.create (dice.Next()) options start) up false TimeSpan.MaxValue make

    /// Leaves out vices that hide single dialogs: while calls come and go, no count is exact enough to detect that.
    let private miVices (draw: int) =
        let n = draw / 30

        pick
            [ $"mute-after={n % 12}"
              "refuses"
              $"error-every={1 + n % 10}"
              $"broken-every={1 + n % 10}"
              "no-root"
              "no-dialogs"
              "no-total"
              "total-untold"
              "total-lags"
              $"count-off-by={n % 7 - 3}"
              "count-lags"
              $"skips={1 + n % 60}"
              $"ends-ahead={1 + n % 3}"
              $"holds-rows={n % 40}"
              "doubles"
              $"nameless-every={1 + n % 9}"
              "keeps-ended"
              "drops-ended"
              $"undated-every={1 + n % 9}"
              "no-sdp"
              $"restarts-after={n % 9}"
              "proxied"
              "truncates"
              $"padding={n % 70_000}"
              "wrong-ids"
              "html"
              $"ms-per-request={n % 900}" ]
            draw

    let private mi (plan: Plan) (dice: Dice) (place: int) (start: Instant) : FarEnd =
        // Audits do not depend on how far its clock is from ours.
        let skew = TimeSpan.FromMilliseconds(float (dice.Below 20_000_000 - 10_000_000))
        let noTotal, noSdp = dice.Chance 10, dice.Chance 30
        // Where its memory is small, even few rows take several pages.
        let holds = if dice.Chance 50 then ValueSome(8 + dice.Below 20) else ValueNone
        let totalBase = if dice.Chance 50 then LongRun else 0L

        let make (table: Table) (booted: Booted) (vice: int voption) =
            let honest =
                { OpenSipsVices.none with
                    ClockAhead = skew
                    NoTotal = noTotal
                    NoSdp = noSdp
                    HoldsRows = holds
                    TotalBase = totalBase }

            let vices =
                match vice with
                | ValueNone -> honest
                | ValueSome draw ->
                    match OpenSipsVices.add (miVices draw) honest with
                    | Ok vices -> vices
                    | Error mistake -> failwith mistake

            OpenSipsResponder.create
                { UpTime = table.Now - booted.Since; BegunBefore = booted.Ended; Vices = vices }
                table

        let options = { table plan dice place with ShowRinging = true }
        let up = dice.Seconds(100.0, 1e6)
        speaking "mi" (Table.create (dice.Next()) options start) up false OpenSipsResponder.lingering make

    /// Leaves out vices that hide legs or tell false durations, which nobody could detect, and those that hide all of them: some are asked as
    /// if that meant that there are none.
    let private restconfVices (draw: int) =
        let n = draw / 30

        pick
            [ $"mute-after={n % 40}"
              "unauthorized"
              "forbidden"
              $"busy-for={1 + n % 9}"
              $"busy-every={2 + n % 9}"
              $"locked-every={2 + n % 9}"
              $"too-many-every={2 + n % 9}"
              $"error-every={1 + n % 10}"
              "no-restconf"
              "no-times"
              "no-fields"
              "html"
              $"total-off={1 + n % 3}"
              $"total-late-ms={1 + n % 900}"
              "doubles"
              $"nameless-every={1 + n % 9}"
              "zero-setups"
              "second-durations"
              "sparse"
              "text-numbers"
              "jitters"
              $"restarts-after={n % 9}"
              "truncates"
              $"padding={n % 70_000}"
              "wrong-ids"
              "garbage"
              $"ms-per-request={n % 900}" ]
            draw

    let private restconf (plan: Plan) (dice: Dice) (place: int) (start: Instant) : FarEnd =
        // Audits depend neither on how far its clock is from ours, nor on its zone.
        let skew = TimeSpan.FromMilliseconds(float (dice.Below 20_000_000 - 10_000_000))
        let zone = TimeSpan.FromMinutes(float (15 * (dice.Below 104 - 48)))
        let isCrude, reckons = dice.Chance 30, dice.Chance 30

        let make (table: Table) (booted: Booted) (vice: int voption) =
            let honest =
                { RestconfVices.none with
                    ClockAhead = skew
                    Zone = zone
                    WholeSeconds = isCrude
                    Reckons = reckons
                    IdleIsAbsent = true }

            let vices =
                match vice with
                | ValueNone -> honest
                | ValueSome draw ->
                    match RestconfVices.add (restconfVices draw) honest with
                    | Ok vices -> vices
                    | Error mistake -> failwith mistake

            RestconfResponder.create
                { RestconfOptions.standard with UpTime = table.Now - booted.Since; Vices = vices }
                table

        let options = { table plan dice place with ShowRinging = true }
        let up = dice.Seconds(100.0, 1e6)
        speaking "restconf" (Table.create (dice.Next()) options start) up false TimeSpan.MaxValue make

    /// Leaves out vices that hide connections or count false packets, which nobody could detect.
    let private mgcpVices (draw: int) =
        let n = draw / 40

        pick
            [ "no-bulk-audit"
              "no-aucx"
              "does-not-list"
              $"too-large-at={200 + n % 2000}"
              "too-complicated"
              "comma-ids"
              "lower-case"
              "lf-only"
              "extra-space"
              $"provisional-every={1 + n % 9}"
              $"swallows-every={2 + n % 9}"
              "answers-twice"
              "wrong-transactions"
              "garbage"
              "foreign"
              $"truncates-at={n % 600}"
              "looping-bulk"
              $"invents-every={1 + n % 9}"
              "joined-bulk"
              $"mute-after={n % 40}"
              $"refuses={400 + n % 200}"
              $"ms-per-request={n % 400}"
              "no-sdp"
              "no-options"
              "disconnected"
              "piggybacks"
              "old-version"
              "ncs-only"
              "no-wildcards" ]
            draw

    /// A lasting habit of this gateway that is not wrong.
    let private mgcpHabit (plan: Plan) (draw: int) (vices: MgcpVices) : MgcpVices =
        match draw with
        | 0 -> { vices with Speaks = ValueSome "MGCP 0.1" }
        | 1 -> { vices with Speaks = ValueSome "MGCP 1.0 NCS 1.0" }
        | 2 -> { vices with Speaks = ValueSome "MGCP 1.0 TGCP 1.0"; TellsVersion = true }
        | 3 -> { vices with NoWildcards = true; Endpoints = ValueSome(48 + 2 * plan.Connections) }
        | 4 -> { vices with NoDomains = true }
        | 5 -> { vices with CarriageReturns = true }
        | _ -> vices

    /// What it is asked for: everything, or the ranges of an operator who knows that it takes no wildcards.
    let private mgcpPatterns (vices: MgcpVices) : string list =
        match vices.Endpoints with
        | ValueSome count when vices.NoWildcards ->
            [ $"aaln/[1-{count / 8 + 2}]"; $"ds/ds1-[1-{count / 24 + 2}]/[1-24]" ]
        | ValueSome _
        | ValueNone -> [ "*" ]

    let private mgcp
        (plan: Plan)
        (dice: Dice)
        (place: int)
        (name: string)
        (start: Instant)
        : FarEnd * AuditTarget =
        let options = { table plan dice place with ShowRinging = false }
        let perEndpoint = 1 + dice.Below 3
        let bulk = dice.Chance 60
        let habit = dice.Below 12

        let honest =
            { MgcpVices.none with ConnectionsPerEndpoint = perEndpoint; NoBulkAudit = not bulk }
            |> mgcpHabit plan habit

        let make (table: Table) (_: Booted) (vice: int voption) =
            let vices =
                match vice with
                | ValueNone -> honest
                | ValueSome draw ->
                    match Words.add MgcpVices.words (mgcpVices draw) honest with
                    | Ok vices -> vices
                    | Error mistake -> failwith mistake

            MgcpResponder.create { MgcpOptions.standard with Domain = name; Vices = vices } table.Now

        let table = Table.create (dice.Next()) options start
        let far = speaking "mgcp" table TimeSpan.Zero false TimeSpan.MaxValue make
        let patterns = String.concat "," (mgcpPatterns honest)
        far, Asked.by name $"mgcp://{name}?endpoints={patterns}" timeout Attempts

    /// Leaves out vices that hide contexts, which nobody could detect at first. No list is so long that it comes in pieces: if one of them is lost,
    /// nobody knows.
    let private h248Vices (draw: int) =
        let n = draw / 40

        pick
            [ $"mute-after={n % 40}"
              // Not those that say that it has no contexts.
              $"refuses={[| 400; 403; 406; 421; 443; 500; 502; 504; 505; 510; 533 |][n % 11]}"
              $"refuses-messages={400 + n % 10}"
              $"speaks={1 + n % 5}"
              "no-root"
              $"pending-every={1 + n % 5}"
              $"too-large-at={200 + n % 4000}"
              $"silent-above={200 + n % 4000}"
              $"segments-at={200 + n % 4000}"
              $"pieces-at={3000 + n % 4000}"
              $"truncates-at={n % 4000}"
              "stops-at-error"
              "one-action"
              $"busy-every={1 + n % 9}"
              $"swallows-every={2 + n % 9}"
              "answers-twice"
              "wrong-transactions"
              "forgets"
              "garbage"
              "talks"
              "no-durations"
              "second-durations"
              "no-media"
              $"ms-per-request={n % 900}" ]
            draw

    let private h248 (plan: Plan) (dice: Dice) (place: int) (start: Instant) : FarEnd * int =
        let factsEvery = 1 + dice.Below 5
        let short, pretty, crude = dice.Chance 40, dice.Chance 40, dice.Chance 30
        let noRoot, noDurations = dice.Chance 10, dice.Chance 10
        let idle = [| 411; 430; 431 |][dice.Below 3]
        let segments = if dice.Chance 50 then ValueSome(300 + dice.Below 1500) else ValueNone

        let make (_: Table) (_: Booted) (vice: int voption) =
            let honest =
                { H248Vices.none with
                    Short = short
                    Pretty = pretty
                    SecondDurations = crude
                    NoRoot = noRoot
                    NoDurations = noDurations
                    Idle = idle
                    SegmentsAt = segments }

            let vices =
                match vice with
                | ValueNone -> honest
                | ValueSome draw ->
                    match H248Vices.add (h248Vices draw) honest with
                    | Ok vices -> vices
                    | Error mistake -> failwith mistake

            H248Responder.create { H248Options.standard with Vices = vices }

        let options = { table plan dice place with ShowRinging = false }
        let table = Table.create (dice.Next()) options start
        speaking "h248" table TimeSpan.Zero false TimeSpan.MaxValue make, factsEvery

    /// Leaves out vices that rename dialogs, deny that there are any, or answer for other notifiers.
    let private sipVices (forks: int) (draw: int) =
        let n = draw / 40

        let ofAny =
            pick
                [ "silent"
                  "refuses-passwords"
                  "stale-nonces"
                  $"answers={400 + n % 200}"
                  "notify-first"
                  "no-notify"
                  "truncates"
                  "bomb"
                  "wrong-tags"
                  "wrong-event"
                  "foreign-body"
                  "loops-versions"
                  "constant-versions"
                  "single-updates"
                  "keeps-contact"
                  "forked-dialogs"
                  "odd-names"
                  "fetch-noresource"
                  "fetch-400"
                  $"min-expires={1 + n % 200}"
                  $"late-forks-ms={n % 450}"
                  "skips-versions"
                  "says-partial"
                  "lists-terminated"
                  "declares-utf-16"
                  "no-duration"
                  "doubles"
                  $"deactivates-after={1 + n % 5}"
                  "hangs-up"
                  $"ms={n % 900}" ]
                draw

        if forks > 1 && n % 3 = 0 then "loses-forks" else ofAny

    let private password = "mellon"B

    let private sip (plan: Plan) (dice: Dice) (place: int) (start: Instant) : FarEnd =
        let seed = dice.Next()
        let login = if dice.Chance 50 then ValueSome(struct ("server", password)) else ValueNone

        // The habits of FreeSWITCH, of Asterisk, of phones behind a forking proxy, or none of them.
        let honest =
            match dice.Below 10 with
            | 0
            | 1 -> SipVices.freeSwitch
            | 2 -> { SipVices.none with Fetch = SipFetch.BadRequest }
            | 3 -> { SipVices.none with Forks = 2 }
            | _ -> SipVices.none

        let make (_: Table) (_: Booted) (vice: int voption) =
            let vices =
                match vice with
                | ValueNone -> honest
                | ValueSome draw ->
                    match SipViceWords.add (sipVices honest.Forks draw) honest with
                    | Ok vices -> vices
                    | Error mistake -> failwith mistake

            SipResponder.create { SipOptions.standard with Login = login; Seed = seed; Vices = vices }

        let table = Table.create (dice.Next()) (table plan dice place) start
        speaking "sip" table TimeSpan.Zero (honest.Forks > 1) TimeSpan.MaxValue make

    let private sipTarget (dice: Dice) (name: string) : AuditTarget =
        let transport =
            match dice.Below 3 with
            | 0 -> ";transport=udp"
            | 1 -> ";transport=tcp"
            | _ -> ""

        let watch = if dice.Chance 40 then "&watch=true" else ""

        Asked.withSecrets
            (GatewaySecrets(null, password, null))
            name
            $"sip:calls@192.0.2.9{transport}?from=sip:server@192.0.2.1{watch}"
            timeout
            Attempts

    /// The gateway with this name and kind, and how it is asked.
    let gateway
        (plan: Plan)
        (dice: Dice)
        (place: int)
        (name: string)
        (kind: string)
        (start: Instant)
        : FarEnd * AuditTarget =
        match kind with
        | "ng" ->
            let scheme = if dice.Chance 50 then "ng+tcp" else "ng"
            let far = ng plan dice place start
            let answered = if dice.Chance 50 then "?answered=media" else ""
            far, Asked.by name $"{scheme}://192.0.2.9{answered}" timeout Attempts
        | "jsonrpc" ->
            let far = kamailio plan dice place start
            far, Asked.by name "jsonrpc://192.0.2.9" timeout Attempts
        | "esl" ->
            let far, factsEvery = esl plan dice place start
            let secrets = GatewaySecrets(null, eslPassword, null)
            far, Asked.sparing factsEvery secrets name "esl://192.0.2.9" timeout Attempts
        | "ari" ->
            let far = ari plan dice place start
            let answered = if dice.Chance 50 then "?answered=cdr" else ""
            far, Asked.by name $"ari://192.0.2.9{answered}" timeout Attempts
        | "mi" -> mi plan dice place start, Asked.by name "mi://192.0.2.9" timeout Attempts
        | "restconf" ->
            let far = restconf plan dice place start
            let idle = if dice.Chance 50 then "?idle=absent" else ""
            far, Asked.by name $"restconf://192.0.2.9{idle}" timeout Attempts
        | "mgcp" -> mgcp plan dice place name start
        | "h248" ->
            let far, factsEvery = h248 plan dice place start
            let uri = $"h248://192.0.2.9?version={1 + dice.Below 3}"
            far, Asked.sparing factsEvery GatewaySecrets.None name uri timeout Attempts
        | "sip" -> sip plan dice place start, sipTarget dice name
        | profile ->
            // No keys, because they take long to make, and cryptography is not what is tested here.
            let user = if dice.Chance 20 then "monitor" else ""
            let far = snmp plan dice place name profile user start
            // Some are asked without a profile, which must then be detected.
            let asked = if dice.Chance 25 then "" else $"?profile={profile}"

            let target =
                if user = "" then
                    let community = Encoding.UTF8.GetBytes community

                    Asked.sparing
                        far.FactsEvery
                        (GatewaySecrets(community, null, null))
                        name
                        $"snmp://192.0.2.9{asked}"
                        timeout
                        Attempts
                else
                    Asked.sparing
                        far.FactsEvery
                        GatewaySecrets.None
                        name
                        $"snmp://{user}@192.0.2.9{asked}"
                        timeout
                        Attempts

            far, target
