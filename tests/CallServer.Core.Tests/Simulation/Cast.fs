namespace CallServer.Tests.Simulation

open System
open CallServer.Gateway
open CallServer.Model
open CallServer.Ledger
open CallServer.Surface

/// Makes a fleet's gateways, and the audits of them.
module Cast =
    let private timeout = TimeSpan.FromSeconds 1.0

    [<Literal>]
    let private Attempts = 4

    /// Of two neighbours each carries one end of the calls of a trunk.
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

    let private snmpVices (draw: int) =
        let n = draw / 9

        match draw % 9 with
        | 0 -> Vices.mute
        | 1 -> Vices.dyingAfter (n % 12)
        | 2 -> { Vices.none with MaxVarBinds = ValueSome(1 + n % 60) }
        | 3 -> { Vices.none with CutsRows = true; OddNumbers = true }
        | 4 -> { Vices.none with MissingCells = ValueSome(2 + n % 9) }
        | 5 -> { Vices.none with Looping = ValueSome(Repeats(n % 20)) }
        | 6 -> { Vices.none with Looping = ValueSome(GoesBack(1 + n % 20)) }
        | 7 -> Vices.slow (TimeSpan.FromMilliseconds(float (n % 900))) TimeSpan.Zero
        | _ -> { Vices.none with SilentAbove = ValueSome(484 + n % 3000) }

    let private snmp
        (plan: Plan)
        (dice: Dice)
        (place: int)
        (name: string)
        (profile: string)
        (start: Instant)
        : FarEnd =
        let uptime =
            match dice.Below 6 with
            | 0 -> Boot.timeTicksPeriod - TimeSpan.FromSeconds(float (dice.Below 120))
            | 1 -> TimeSpan.FromSeconds(2147483648.0 / 100.0 - float (dice.Below 120))
            | _ -> TimeSpan.FromSeconds(float (100 + dice.Below 30_000_000))

        let mib = Gateways.mibs |> List.find (fun mib -> mib.Profile = profile)
        let options = { AgentOptions.ofMib mib name with Uptime = uptime }
        let agent = Gateways.create (dice.Next()) (table plan dice place) options start

        let turn _ draw =
            let vices = draw |> ValueOption.map snmpVices |> ValueOption.defaultValue Vices.none
            MultiGateway.mapAgent (AgentState.withVices vices)

        FarEnd(profile, "snmp", MultiGateway.create (ValueSome agent) [] agent.Table, uptime, turn)

    /// A gateway of one other protocol; `make` lets it speak for a table, up since that instant, with the vice of that draw.
    let private speaking
        (kind: string)
        (table: Table)
        (up: TimeSpan)
        (make: Table -> Instant -> int voption -> Responder)
        : FarEnd =
        let turn booted draw (gateway: MultiGateway) =
            MultiGateway.withResponder (make gateway.Table booted draw) gateway

        let responder = make table (table.Now - up) ValueNone
        FarEnd(kind, responder.Protocol, MultiGateway.create ValueNone [ responder ] table, up, turn)

    let private pick (words: string list) (draw: int) : string = words[draw % words.Length]

    /// Not those that lie about single calls, whom nobody could see through.
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
              "no-media"
              $"ms-per-request={n % 900}" ]
            draw

    let private ng (plan: Plan) (dice: Dice) (place: int) (start: Instant) : FarEnd =
        let skew = TimeSpan.FromMilliseconds(float (dice.Below 1600 - 800))
        let coarse = dice.Chance 10
        let options = { table plan dice place with ShowRinging = false }

        let make (table: Table) (booted: Instant) (vice: int voption) =
            let honest = { NgVices.none with ClockAhead = skew; NoMicros = coarse }

            let vices =
                match vice with
                | ValueNone -> honest
                | ValueSome draw ->
                    match NgVices.add (ngVices draw) honest with
                    | Ok vices -> vices
                    | Error mistake -> failwith mistake

            NgResponder.create { UpTime = table.Now - booted; Vices = vices } table

        let up = dice.Seconds(100.0, 1e6)
        speaking "ng" (Table.create (dice.Next()) options start) up make

    /// Not those that hide connections or count false packets, whom nobody could see through.
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
              "piggybacks" ]
            draw

    let private mgcp (plan: Plan) (dice: Dice) (place: int) (name: string) (start: Instant) : FarEnd =
        let options = { table plan dice place with ShowRinging = false }
        let perEndpoint = 1 + dice.Below 3
        let bulk = dice.Chance 60

        let make (table: Table) (_: Instant) (vice: int voption) =
            let honest = { MgcpVices.none with ConnectionsPerEndpoint = perEndpoint; NoBulkAudit = not bulk }

            let vices =
                match vice with
                | ValueNone -> honest
                | ValueSome draw ->
                    match Words.add MgcpVices.words (mgcpVices draw) honest with
                    | Ok vices -> vices
                    | Error mistake -> failwith mistake

            MgcpResponder.create { MgcpOptions.standard with Domain = name; Vices = vices } table.Now

        speaking "mgcp" (Table.create (dice.Next()) options start) TimeSpan.Zero make

    /// Not those that give dialogs other names, say that there are none, or answer for other notifiers too.
    let private sipVices (draw: int) =
        let n = draw / 40

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

    let private password = "mellon"B

    let private sip (plan: Plan) (dice: Dice) (place: int) (start: Instant) : FarEnd =
        let seed = dice.Next()
        let login = if dice.Chance 50 then ValueSome(struct ("server", password)) else ValueNone

        let make (_: Table) (_: Instant) (vice: int voption) =
            let vices =
                match vice with
                | ValueNone -> SipVices.none
                | ValueSome draw ->
                    match SipViceWords.add (sipVices draw) SipVices.none with
                    | Ok vices -> vices
                    | Error mistake -> failwith mistake

            SipResponder.create { SipOptions.standard with Login = login; Seed = seed; Vices = vices }

        speaking "sip" (Table.create (dice.Next()) (table plan dice place) start) TimeSpan.Zero make

    let private sipTarget (dice: Dice) (name: string) : AuditTarget =
        let transport =
            match dice.Below 3 with
            | 0 -> "udp"
            | 1 -> "tcp"
            | _ -> null

        SipTarget.Create(
            name,
            "calls",
            "192.0.2.9",
            5060,
            transport,
            "sip:server@192.0.2.1",
            password,
            dice.Chance 40,
            timeout,
            Attempts
        )

    /// The gateway of that name and kind, and how it is asked.
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
            let transport = if dice.Chance 50 then "tcp" else "udp"
            ng plan dice place start, NgTarget.Create(name, transport, timeout, Attempts)
        | "mgcp" ->
            mgcp plan dice place name start,
            MgcpTarget.Create(name, name, [| "*" |], false, timeout, Attempts)
        | "sip" -> sip plan dice place start, sipTarget dice name
        | profile ->
            snmp plan dice place name profile start,
            AuditTargets.SnmpCommunity(name, "public"B, profile, ProfileCatalog.BuiltIn, timeout, Attempts)
