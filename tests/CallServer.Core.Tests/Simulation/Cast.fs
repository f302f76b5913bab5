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

    let private table (plan: Plan) (dice: Dice) : TableOptions =
        { TableOptions.standard with
            Connections = dice.Below(plan.Connections + 1)
            Churn = plan.Churn * dice.Fraction()
            Ages = struct (TimeSpan.FromSeconds 1.0, TimeSpan.FromHours 2.0)
            Ringing = struct (TimeSpan.FromSeconds 0.5, TimeSpan.FromSeconds 8.0)
            ShowRinging = dice.Chance 50 }

    let private snmp (plan: Plan) (dice: Dice) (name: string) (profile: string) (start: Instant) : FarEnd =
        let uptime =
            match dice.Below 6 with
            | 0 -> Boot.timeTicksPeriod - TimeSpan.FromSeconds(float (dice.Below 120))
            | 1 -> TimeSpan.FromSeconds(2147483648.0 / 100.0 - float (dice.Below 120))
            | _ -> TimeSpan.FromSeconds(float (100 + dice.Below 30_000_000))

        let mib = Gateways.mibs |> List.find (fun mib -> mib.Profile = profile)
        let options = { AgentOptions.ofMib mib name with Uptime = uptime }
        SnmpEnd(Gateways.create (dice.Next()) (table plan dice) options start)

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

    let private ng (plan: Plan) (dice: Dice) (start: Instant) : FarEnd =
        let skew = TimeSpan.FromMilliseconds(float (dice.Below 1600 - 800))
        let coarse = dice.Chance 10
        let options = { table plan dice with ShowRinging = false }

        let make (table: Table) (booted: Instant) (vice: int voption) =
            let honest = { NgVices.none with ClockAhead = skew; NoMicros = coarse }

            let vices =
                match vice with
                | ValueNone -> honest
                | ValueSome draw ->
                    match NgResponder.parseVice (ngVices draw) with
                    | Ok add -> add honest
                    | Error mistake -> failwith mistake

            NgResponder.create { UpTime = table.Now - booted; Vices = vices } table

        let up = dice.Seconds(100.0, 1e6)
        ResponderEnd("ng", Table.create (dice.Next()) options start, up, make)

    /// The gateway of that name and kind, and how it is asked.
    let gateway
        (plan: Plan)
        (dice: Dice)
        (name: string)
        (kind: string)
        (start: Instant)
        : FarEnd * AuditTarget =
        match kind with
        | "ng" ->
            let transport = if dice.Chance 50 then "tcp" else "udp"
            ng plan dice start, NgTarget.Create(name, transport, timeout, Attempts)
        | profile ->
            snmp plan dice name profile start,
            AuditTargets.SnmpCommunity(name, "public"B, profile, ProfileCatalog.BuiltIn, timeout, Attempts)
